//===- StoredFields.cpp - reads weights of 5 to 8 bits --------------------===//

#include "StoredFields.h"

#include "../ISA.h"
#include "picollm/Layout/Levels.h"

using namespace picollm;

Value picollm::shiftBytes(KernelBuilder &k, Value bytes, int64_t left) {
  if (left == 0)
    return bytes;
  Value words = k.bitcast(bytes, k.vec(16, k.i16));
  words = left > 0 ? k.shiftLeft(words, left) : k.shiftRight(words, -left);
  return k.bitcast(words, k.vec(32, k.i8));
}

StoredFields::StoredFields(KernelBuilder &k, int64_t bits, bool hasGroups)
    : k(k), bits(bits), hasSign(hasSignBit(bits, hasGroups)) {
  if (!hasSign)
    return;
  for (int32_t first = 0; first < 1 << (bits - 1); first += 16) {
    std::vector<int8_t> entries;
    for (int32_t i = 0; i < 16; ++i)
      entries.push_back(int8_t(magnitudeOf(bits, first + i)));
    tables.push_back(hooksOf(k.isa).makeTable(k, entries));
  }
}

Value StoredFields::vector(Value step, int64_t number) {
  return k.load(k.vec(32, k.i8), k.at(step, 32 * number), 32);
}

/// Bits 0-3 of U[c][g]; see Layout.h for the places of the bits.
Value StoredFields::lowNibbles(Value step, int64_t c, int64_t g) {
  return k.bitAnd(shiftBytes(k, vector(step, 2 * c + g % 2), g < 2 ? 0 : -4),
                  15);
}

/// The codes of U[c][g], of 8 bits less 128.
Value StoredFields::codes(Value step, int64_t c, int64_t g) {
  if (bits == 8)
    return k.bitXor(vector(step, 4 * c + g), k.constant(k.vec(32, k.i8), 0x80));
  Value u = lowNibbles(step, c, g);
  if (bits >= 6)
    u = k.bitOr(u,
                k.bitAnd(shiftBytes(k, vector(step, 4 + c), 4 - 2 * g), 0x30));
  if (bits % 2)
    u = k.bitOr(u, k.bitAnd(shiftBytes(k, vector(step, bits >= 6 ? 6 : 4),
                                       bits - 1 - (4 * c + g)),
                            int64_t(1) << (bits - 1)));
  return u;
}

StoredFields::Weights StoredFields::signedMagnitudes(Value step, int64_t c,
                                                     int64_t g) {
  Value low = lowNibbles(step, c, g);
  Value magnitude = hooksOf(k.isa).lookUp(k, tables[0], low);
  // Signs go to bit 7 of their bytes. Bits beside them do not matter.
  Value sign;
  if (bits == 5) {
    sign = shiftBytes(k, vector(step, 4), 7 - (4 * c + g));
  } else {
    Value pairs = vector(step, 4 + c);
    magnitude = k.select(k.isNegative(shiftBytes(k, pairs, 7 - 2 * g)),
                         hooksOf(k.isa).lookUp(k, tables[1], low), magnitude);
    sign = shiftBytes(k, pairs, 6 - 2 * g);
  }
  return {magnitude, k.bitOr(sign, k.constant(sign.getType(), 1))};
}

Value StoredFields::applySign(const Weights &weights) {
  return k.negateWhere(k.isNegative(weights.sign), weights.values);
}

StoredFields::Weights StoredFields::read(Value step, int64_t c, int64_t g) {
  if (!hasSign)
    return {codes(step, c, g), Value()};
  Weights weights = signedMagnitudes(step, c, g);
  if (hooksOf(k.isa).multiplyWithSign)
    return weights;
  return {applySign(weights), Value()};
}

Value StoredFields::readLevels(Value step, int64_t c, int64_t g) {
  if (hasSign)
    return applySign(signedMagnitudes(step, c, g));
  Value u = codes(step, c, g);
  if (bits == 8)
    return u;
  return k.sub(k.add(u, u), k.constant(u.getType(), (1 << bits) - 1));
}
