//===- Dequantization.cpp - the encodings of weights in model files -------===//
//
// Each decoder computes in float32 in the order of operations that defines the
// format, so its results equal ggml's to the last bit. The files are little
// endian.
//
//===----------------------------------------------------------------------===//

#include "picollm/Import/WeightEncoding.h"
#include "picollm/Support/Half.h"
#include "llvm/Support/Endian.h"
#include <cstring>

using namespace picollm;
using llvm::support::endian::read16le;
using llvm::support::endian::read32le;

static float floatOfBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

static float readHalf(const uint8_t *in) { return halfToFloat(read16le(in)); }

static void decodeF32(const uint8_t *in, float *out) {
  *out = floatOfBits(read32le(in));
}
static void decodeF16(const uint8_t *in, float *out) { *out = readHalf(in); }
static void decodeBF16(const uint8_t *in, float *out) {
  *out = floatOfBits(uint32_t(read16le(in)) << 16);
}

//===-- Blocks of 32: f16 d [, f16 m] [, fifth bits], nibbles
//---------------===//
// Byte i holds element i in its low and element i + 16 in its high nibble.

static void decodeQ4_0(const uint8_t *in, float *out) {
  float d = readHalf(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float((in[2 + i] & 15) - 8);
    out[i + 16] = d * float((in[2 + i] >> 4) - 8);
  }
}

static void decodeQ4_1(const uint8_t *in, float *out) {
  float d = readHalf(in), m = readHalf(in + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float(in[4 + i] & 15) + m;
    out[i + 16] = d * float(in[4 + i] >> 4) + m;
  }
}

static void decodeQ5_0(const uint8_t *in, float *out) {
  float d = readHalf(in);
  uint32_t fifth = read32le(in + 2);
  for (int i = 0; i < 16; ++i) {
    int low = (in[6 + i] & 15) | ((fifth >> i) & 1) << 4;
    int high = (in[6 + i] >> 4) | ((fifth >> (i + 16)) & 1) << 4;
    out[i] = d * float(low - 16);
    out[i + 16] = d * float(high - 16);
  }
}

static void decodeQ5_1(const uint8_t *in, float *out) {
  float d = readHalf(in), m = readHalf(in + 2);
  uint32_t fifth = read32le(in + 4);
  for (int i = 0; i < 16; ++i) {
    int low = (in[8 + i] & 15) | ((fifth >> i) & 1) << 4;
    int high = (in[8 + i] >> 4) | ((fifth >> (i + 16)) & 1) << 4;
    out[i] = d * float(low) + m;
    out[i + 16] = d * float(high) + m;
  }
}

static void decodeQ8_0(const uint8_t *in, float *out) {
  float d = readHalf(in);
  for (int i = 0; i < 32; ++i)
    out[i] = float(int8_t(in[2 + i])) * d;
}

static void decodeIQ4_NL(const uint8_t *in, float *out) {
  static const int8_t levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                    1,    13,   25,  38,  53,  69,  89,  113};
  float d = readHalf(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = d * float(levels[in[2 + i] & 15]);
    out[i + 16] = d * float(levels[in[2 + i] >> 4]);
  }
}

//===-- Blocks of 256 ("K"): f16 d and small integer scales of groups
//-------===//

/// u8 scale | min << 4 per 16 elements [16], codes of 2 bits [64], d, dmin.
/// Byte i of each 32 holds elements i, i + 32, i + 64, i + 96 of its 128.
static void decodeQ2_K(const uint8_t *in, float *out) {
  const uint8_t *scales = in, *codes = in + 16;
  float d = readHalf(in + 80), dmin = readHalf(in + 82);
  for (int i = 0; i < 256; ++i) {
    int code = (codes[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
    uint8_t scale = scales[i / 16];
    float step = d * float(scale & 15), minimum = dmin * float(scale >> 4);
    out[i] = step * float(code) - minimum;
  }
}

/// High bits [32], low 2 bits [64], 16 scales of 6 bits [12], d. Codes are -4
/// .. 3; bit i / 32 of high byte i % 32 is clear where 4 is to be subtracted.
static void decodeQ3_K(const uint8_t *in, float *out) {
  const uint8_t *high = in, *low = in + 32, *packed = in + 96;
  float d = readHalf(in + 108);
  float steps[16];
  for (int g = 0; g < 16; ++g) {
    int scale = (packed[g % 8] >> (g / 8 * 4)) & 15;
    scale |= ((packed[8 + g % 4] >> (g / 4 * 2)) & 3) << 4;
    steps[g] = d * float(scale - 32);
  }
  for (int i = 0; i < 256; ++i) {
    int code = (low[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2)) & 3;
    if (!((high[i % 32] >> (i / 32)) & 1))
      code -= 4;
    out[i] = steps[i / 16] * float(code);
  }
}

/// The 8 scales and 8 minima of 6 bits in the 12 bytes of q4_k and q5_k: the
/// first four of each in the low bits of bytes 0-7, the others in the nibbles
/// of bytes 8-11 and the top bits of bytes 0-7.
static void unpackScales(const uint8_t *in, int group, int &scale,
                         int &minimum) {
  if (group < 4) {
    scale = in[group] & 63;
    minimum = in[group + 4] & 63;
  } else {
    scale = (in[group + 4] & 15) | (in[group - 4] >> 6) << 4;
    minimum = (in[group + 4] >> 4) | (in[group] >> 6) << 4;
  }
}

/// d, dmin, scales [12], nibbles [128]: 32 bytes hold 32 elements in their low
/// and the next 32 in their high nibbles.
static void decodeQ4_K(const uint8_t *in, float *out) {
  float d = readHalf(in), dmin = readHalf(in + 2);
  const uint8_t *codes = in + 16;
  for (int g = 0; g < 8; ++g) {
    int scale, minimum;
    unpackScales(in + 4, g, scale, minimum);
    float step = d * float(scale), offset = dmin * float(minimum);
    for (int i = 0; i < 32; ++i) {
      int code = (codes[g / 2 * 32 + i] >> (g % 2 * 4)) & 15;
      out[g * 32 + i] = step * float(code) - offset;
    }
  }
}

/// d, dmin, scales [12], fifth bits [32] (bit g of byte i: element i of group
/// g), nibbles [128] as in q4_k.
static void decodeQ5_K(const uint8_t *in, float *out) {
  float d = readHalf(in), dmin = readHalf(in + 2);
  const uint8_t *fifth = in + 16, *codes = in + 48;
  for (int g = 0; g < 8; ++g) {
    int scale, minimum;
    unpackScales(in + 4, g, scale, minimum);
    float step = d * float(scale), offset = dmin * float(minimum);
    for (int i = 0; i < 32; ++i) {
      int code = (codes[g / 2 * 32 + i] >> (g % 2 * 4)) & 15;
      code |= ((fifth[i] >> g) & 1) << 4;
      out[g * 32 + i] = step * float(code) - offset;
    }
  }
}

/// Low nibbles [128], high 2 bits [64], i8 scales of 16 elements [16], d. Of
/// each 128 elements, byte i of 64 holds the nibbles of i and i + 64, byte i of
/// 32 the high bits of i, i + 32, i + 64, i + 96.
static void decodeQ6_K(const uint8_t *in, float *out) {
  const uint8_t *low = in, *high = in + 128, *scales = in + 192;
  float d = readHalf(in + 208);
  for (int i = 0; i < 256; ++i) {
    int half = i / 128, j = i % 128;
    int code = (low[half * 64 + j % 64] >> (j / 64 * 4)) & 15;
    code |= ((high[half * 32 + j % 32] >> (j / 32 * 2)) & 3) << 4;
    float step = d * float(int8_t(scales[i / 16]));
    out[i] = step * float(code - 32);
  }
}

//===-- The table
//-----------------------------------------------------------===//

template <void (*decodeBlock)(const uint8_t *, float *), int64_t elements,
          int64_t bytes>
static void decodeBlocks(const uint8_t *in, int64_t blocks, float *out) {
  for (int64_t i = 0; i < blocks; ++i)
    decodeBlock(in + i * bytes, out + i * elements);
}

template <void (*decodeBlock)(const uint8_t *, float *), int64_t elements,
          int64_t bytes>
static constexpr WeightEncoding encoding(llvm::StringLiteral name) {
  return {name, elements, bytes, decodeBlocks<decodeBlock, elements, bytes>};
}

static constexpr WeightEncoding encodings[] = {
    encoding<decodeF32, 1, 4>("f32"),
    encoding<decodeF16, 1, 2>("f16"),
    encoding<decodeBF16, 1, 2>("bf16"),
    encoding<decodeQ4_0, 32, 2 + 16>("q4_0"),
    encoding<decodeQ4_1, 32, 2 + 2 + 16>("q4_1"),
    encoding<decodeQ5_0, 32, 2 + 4 + 16>("q5_0"),
    encoding<decodeQ5_1, 32, 2 + 2 + 4 + 16>("q5_1"),
    encoding<decodeQ8_0, 32, 2 + 32>("q8_0"),
    encoding<decodeIQ4_NL, 32, 2 + 16>("iq4_nl"),
    encoding<decodeQ2_K, 256, 16 + 64 + 2 + 2>("q2_k"),
    encoding<decodeQ3_K, 256, 32 + 64 + 12 + 2>("q3_k"),
    encoding<decodeQ4_K, 256, 2 + 2 + 12 + 128>("q4_k"),
    encoding<decodeQ5_K, 256, 2 + 2 + 12 + 32 + 128>("q5_k"),
    encoding<decodeQ6_K, 256, 128 + 64 + 16 + 2>("q6_k"),
};

llvm::ArrayRef<WeightEncoding> picollm::getWeightEncodings() {
  return encodings;
}

const WeightEncoding *picollm::findWeightEncoding(llvm::StringRef name) {
  for (const WeightEncoding &encoding : encodings)
    if (encoding.name == name)
      return &encoding;
  return nullptr;
}
