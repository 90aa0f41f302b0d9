//===- Attention.cpp - rotation, KV cache, calls of the attention object --===//
//
// Sequence after sequence, a thread normalises, rotates and stores the KV heads
// that are its turn and does the same to their query heads; then pairs of
// (KV head, block of tokens) go round the threads. A prompt longer than one
// block needs a barrier in between, because then a thread attends with heads
// that others have stored. So does one token with a long context: there pairs
// of (KV head, part of the context) go round, and after one more barrier the
// states of the parts are merged.
//
//===----------------------------------------------------------------------===//

#include "picollm/Attention/Attention.h"
#include "../ISA.h"
#include "../StepFunctions.h"
#include "Encode.h"
#include "picollm/Layout/EncodedActivation.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace picollm;
using mlir::arith::CmpIPredicate;

namespace {

class AttentionEmitter {
public:
  AttentionEmitter(KernelBuilder &k, const AttentionPart &part)
      : k(k), part(part), group(part.heads / part.kvHeads),
        rowBytes(4 * part.headSize * part.heads),
        kvRow(4 * part.headSize * part.kvHeads),
        cacheRow(kvRowBytes(part.cache, part.headSize)),
        workspaceFloats(attentionWorkspaceFloats(part.shape())) {}
  void emit();

private:
  void emitSequence();
  using Store = llvm::function_ref<void(Value value, int64_t first)>;
  void roundRobin(Value count, llvm::function_ref<void(Value)> body);
  void emitToken(Value head, Value token);
  void emitHead(Value row, Value norm, Value angles, Store store);
  Value halvesOf(Value value);
  void storeHalves(Value row, Value place);
  void storeLanes(Value elements, Value place, int64_t bytes);
  void storeCodes(Value row, Value scalePlace,
                  llvm::function_ref<void(Value codes, Value first)> store);
  void storePosition(Value head, Value position, Value keyRow, Value valueRow,
                     Value turn);
  void emitInPlace(Value row, Value norm, Value turn);
  void emitCall(Value item, Value blocks);
  void emitWhole();
  void emitParts(Value first, Value attended);
  Value ownWorkspace() {
    return k.at(workspaces, k.mul(thread, k.index(4 * workspaceFloats)));
  }
  /// First byte of a KV head's queries, or outputs, in a row of them.
  Value groupOffset(Value head) {
    return k.mul(head, k.index(4 * part.headSize * group));
  }
  /// Widest vector that divides `count`.
  int64_t lanes(int64_t count) const { return count % 8 == 0 ? 8 : 1; }
  Type floats(int64_t count) {
    return count == 1 ? k.f32 : k.vec(count, k.f32);
  }
  /// First byte of a KV head in one layer of the cache.
  Value headOffset(Value head) {
    return k.mul(k.mul(head, room), k.index(cacheRow));
  }

  KernelBuilder &k;
  const AttentionPart &part;
  int64_t group;
  int64_t rowBytes, kvRow; ///< bytes of a token's queries, and of its keys
  int64_t cacheRow;        ///< of a head's keys in the cache
  int64_t workspaceFloats;
  Value queryNorm, keyNorm, workspaces, barrier, wait, thread, threads;
  Value keyLayer, valueLayer; ///< of the layers of all keys, then all values
  /// Of the sequence that is emitted: its tokens' rows and its cache's layer.
  Value query, key, value, angles, out, keys, values;
  Value room; ///< positions that a KV head has memory for
  Value position, tokens;
  Value firstItem; ///< this thread's first of those that go round
};

} // namespace

void picollm::emitBarrier(KernelBuilder &k, Value wait, Value barrier) {
  auto type = mlir::LLVM::LLVMFunctionType::get(
      mlir::LLVM::LLVMVoidType::get(k.b.getContext()), {k.ptr});
  mlir::LLVM::CallOp::create(k.b, type, ValueRange{wait, barrier});
}

/// body(i) for i = firstItem, firstItem + threads, ... below count.
void AttentionEmitter::roundRobin(Value count,
                                  llvm::function_ref<void(Value)> body) {
  auto loop = mlir::scf::ForOp::create(k.b, firstItem, count, threads);
  mlir::OpBuilder::InsertionGuard guard(k.b);
  k.b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

/// f32 or f32 x 8 as i16 or i16 x 8, the bits of f16.
Value AttentionEmitter::halvesOf(Value value) {
  bool scalar = value.getType() == k.f32;
  Value bits =
      hooksOf(k.isa).truncateToHalf(k, scalar ? k.splat(value, 8) : value);
  return scalar ? k.lane(bits, 0) : bits;
}

void AttentionEmitter::storeHalves(Value row, Value place) {
  int64_t count = lanes(part.headSize);
  for (int64_t i = 0; i < part.headSize; i += count)
    k.store(halvesOf(k.load(floats(count), k.at(row, 4 * i), 4)),
            k.at(place, 2 * i), 2);
}

/// Consecutive elements of a key, each of so many bytes.
void AttentionEmitter::storeLanes(Value elements, Value place, int64_t bytes) {
  auto vector = llvm::dyn_cast<mlir::VectorType>(elements.getType());
  if (!vector)
    return k.store(elements, place, bytes);
  for (int64_t i = 0; i < vector.getNumElements(); ++i)
    k.store(k.lane(elements, i), k.at(place, i * kKVBlockPositions * bytes),
            bytes);
}

/// The codes of a head, which `store` gets in vectors, and their scale, see
/// KVCacheType.
void AttentionEmitter::storeCodes(
    Value row, Value scalePlace,
    llvm::function_ref<void(Value codes, Value first)> store) {
  int64_t count = part.headSize % 8 == 0 ? 8 : 4;
  Type words = k.vec(count, k.i32);
  Value end = k.index(part.headSize);
  auto load = [&](Value i) {
    return k.load(floats(count), k.at(row, k.mul(i, k.index(4))), 4);
  };
  Value maximum = largestMagnitude(k, end, count, load);
  k.store(k.fdiv(maximum, k.constant(k.f32, double(largestCode))), scalePlace,
          4);
  Value inverse = k.splat(inverseScale(k, maximum, largestCode), count);
  k.loop(k.index(0), end, count, [&](Value i) {
    Value codes = quantize(k, load(i), inverse, largestCode, words);
    store(k.truncate(codes, k.vec(count, k.i8)), i);
  });
}

/// The head at `row` normalised, if wanted, and its pairs
/// (i, i + headSize / 2) turned by the angles, or as they are.
void AttentionEmitter::emitHead(Value row, Value norm, Value angles,
                                Store store) {
  int64_t half = part.headSize / 2, count = lanes(half);
  Type type = floats(count);
  Value inverse;
  if (part.normEpsilon) {
    inverse = emitInverseRMS(k, row, part.headSize, *part.normEpsilon);
    if (count > 1)
      inverse = k.splat(inverse, count);
  }
  auto load = [&](int64_t first) {
    Value x = k.load(type, k.at(row, 4 * first), 4);
    if (!part.normEpsilon)
      return x;
    return k.fmul(k.fmul(x, inverse), k.load(type, k.at(norm, 4 * first), 4));
  };
  for (int64_t i = 0; i < half; i += count) {
    Value a = load(i), b = load(i + half);
    if (part.rotate) {
      Value cosine = k.load(type, k.at(angles, 4 * i), 4);
      Value sine = k.load(type, k.at(angles, 4 * (i + half)), 4);
      Value turned = k.fsub(k.fmul(a, cosine), k.fmul(b, sine));
      b = k.fadd(k.fmul(b, cosine), k.fmul(a, sine));
      a = turned;
    }
    store(a, i);
    store(b, i + half);
  }
}

void AttentionEmitter::emitInPlace(Value row, Value norm, Value turn) {
  if (part.rotate || part.normEpsilon)
    emitHead(row, norm, turn, [&](Value x, int64_t first) {
      k.store(x, k.at(row, 4 * first), 4);
    });
}

/// A position's key and value into the cache, see kvRowBytes.
void AttentionEmitter::storePosition(Value head, Value position, Value keyRow,
                                     Value valueRow, Value turn) {
  const int64_t bytes = part.cache == KVCacheType::I8 ? 1 : 2;
  Value inBlock = k.bitAnd(position, kKVBlockPositions - 1);
  Value blockPlace =
      k.at(keys, k.add(headOffset(head),
                       k.mul(k.sub(position, inBlock), k.index(cacheRow))));
  Value keyPlace = k.at(blockPlace, k.mul(inBlock, k.index(bytes)));
  Value valuePlace =
      k.at(values, k.add(headOffset(head), k.mul(position, k.index(cacheRow))));
  if (part.cache == KVCacheType::F16) {
    emitHead(keyRow, keyNorm, turn, [&](Value x, int64_t first) {
      storeLanes(halvesOf(x), k.at(keyPlace, first * kKVBlockPositions * bytes),
                 bytes);
    });
    return storeHalves(valueRow, valuePlace);
  }
  emitInPlace(keyRow, keyNorm, turn);
  Value keyScales = k.at(blockPlace, part.headSize * kKVBlockPositions);
  storeCodes(keyRow, k.at(keyScales, k.mul(inBlock, k.index(4))),
             [&](Value codes, Value first) {
               Value offset = k.mul(first, k.index(kKVBlockPositions));
               storeLanes(codes, k.at(keyPlace, offset), bytes);
             });
  storeCodes(valueRow, k.at(valuePlace, part.headSize),
             [&](Value codes, Value first) {
               k.store(codes, k.at(valuePlace, first), 4);
             });
}

void AttentionEmitter::emitToken(Value head, Value token) {
  Value headBytes = k.mul(head, k.index(4 * part.headSize));
  Value row = k.add(k.mul(token, k.index(kvRow)), headBytes);
  Value turn = part.rotate
                   ? k.at(angles, k.mul(token, k.index(4 * part.headSize)))
                   : Value();
  storePosition(head, k.add(position, token), k.at(key, row), k.at(value, row),
                turn);
  Value queries =
      k.at(query, k.add(k.mul(token, k.index(rowBytes)), groupOffset(head)));
  k.loop(k.index(0), k.index(4 * part.headSize * group), 4 * part.headSize,
         [&](Value offset) {
           emitInPlace(k.at(queries, offset), queryNorm, turn);
         });
}

void AttentionEmitter::emitCall(Value item, Value blocks) {
  Value head = k.div(item, blocks);
  Value first = k.mul(k.rem(item, blocks), k.index(kAttentionBlockTokens));
  Value count = k.minimum(k.sub(tokens, first), k.index(kAttentionBlockTokens));
  Value rows = k.add(k.mul(first, k.index(rowBytes)), groupOffset(head));
  Value stride = k.index(part.headSize * part.heads);
  auto function = k.module.lookupSymbol<mlir::func::FuncOp>(part.function);
  k.call(function, {k.at(query, rows), stride, k.at(keys, headOffset(head)),
                    k.at(values, headOffset(head)), k.add(position, first),
                    count, k.at(out, rows), stride,
                    k.constant(k.f32, part.scale), ownWorkspace()});
}

/// Each thread with the heads that it has stored, or in blocks of tokens.
void AttentionEmitter::emitWhole() {
  k.ifThen(
      k.compare(CmpIPredicate::sgt, tokens, k.index(kAttentionBlockTokens)),
      [&] { emitBarrier(k, wait, barrier); });
  Value blocks = k.divideCeil(tokens, kAttentionBlockTokens);
  roundRobin(k.mul(blocks, k.index(part.kvHeads)),
             [&](Value item) { emitCall(item, blocks); });
}

/// One token's attention to `attended` positions from `first` on, divided as
/// attentionParts says.
void AttentionEmitter::emitParts(Value first, Value attended) {
  Value pieces = k.divideCeil(k.divideCeil(attended, kAttentionMaxParts),
                              kAttentionPiecePositions);
  Value positions = k.maximum(k.index(kAttentionPartPositions),
                              k.mul(pieces, k.index(kAttentionPiecePositions)));
  Value count = k.divideCeil(attended, positions);
  Value states = k.at(workspaces, k.mul(threads, k.index(4 * workspaceFloats)));
  Value stateBytes = k.index(4 * attentionStateFloats(part.shape()));
  Value last = k.add(first, attended);
  emitBarrier(k, wait, barrier);
  roundRobin(k.mul(count, k.index(part.kvHeads)), [&](Value item) {
    Value head = k.div(item, count);
    Value begin = k.add(first, k.mul(k.rem(item, count), positions));
    k.call(k.module.lookupSymbol<mlir::func::FuncOp>(part.function + "_part"),
           {k.at(query, groupOffset(head)), k.at(keys, headOffset(head)),
            k.at(values, headOffset(head)), begin,
            k.minimum(k.add(begin, positions), last),
            k.at(states, k.mul(item, stateBytes)),
            k.constant(k.f32, part.scale), ownWorkspace()});
  });
  emitBarrier(k, wait, barrier);
  roundRobin(k.index(part.kvHeads), [&](Value head) {
    k.call(k.module.lookupSymbol<mlir::func::FuncOp>(part.function + "_merge"),
           {k.at(states, k.mul(k.mul(head, count), stateBytes)), count,
            k.at(out, groupOffset(head))});
  });
}

/// One sequence's tokens: into its cache, then their attention.
void AttentionEmitter::emitSequence() {
  roundRobin(k.index(part.kvHeads), [&](Value head) {
    k.loop(k.index(0), tokens, 1, [&](Value token) { emitToken(head, token); });
  });
  if (!sharedAttentionBytes(part.shape(), part.kvHeads))
    return emitWhole();
  Value end = k.add(position, k.index(1)), attended = end;
  if (part.window)
    attended = k.minimum(end, k.index(part.window));
  Value isLong =
      k.compare(CmpIPredicate::sgt, attended, k.index(kAttentionPartPositions));
  Value isOne = k.compare(CmpIPredicate::eq, tokens, k.index(1));
  k.ifElse(
      k.bitAnd(isOne, isLong),
      [&] { emitParts(k.sub(end, attended), attended); }, [&] { emitWhole(); });
}

void AttentionEmitter::emit() {
  unsigned i = 0;
  Value queryRows = k.argument(i++), keyRows = k.argument(i++);
  Value valueRows = k.argument(i++), angleRows = k.argument(i++);
  if (part.normEpsilon)
    for (Value *v : {&queryNorm, &keyNorm})
      *v = k.argument(i++);
  Value sequences = k.argument(i++), count = k.argument(i++), outRows;
  for (Value *v : {&keyLayer, &valueLayer, &workspaces, &outRows, &barrier,
                   &wait, &thread, &threads})
    *v = k.argument(i++);
  forEachSequence(k, sequences, count, [&](const StepSequence &sequence) {
    auto row = [&](Value rows, int64_t bytes) {
      return k.at(rows, k.mul(sequence.firstToken, k.index(bytes)));
    };
    query = row(queryRows, rowBytes);
    key = row(keyRows, kvRow);
    value = row(valueRows, kvRow);
    angles = row(angleRows, 4 * part.headSize);
    out = row(outRows, rowBytes);
    position = sequence.position;
    tokens = sequence.tokenCount;
    room = k.bitAnd(k.add(sequence.context, k.index(kKVBlockPositions - 1)),
                    -kKVBlockPositions);
    // [2: K, V][layer][kv_head] blocks of a head's positions.
    Value layerBytes = k.mul(room, k.index(part.kvHeads * cacheRow));
    keys = k.at(sequence.kv, k.mul(keyLayer, layerBytes));
    values = k.at(sequence.kv, k.mul(valueLayer, layerBytes));
    // The heads of all sequences go round, not each sequence's: else the first
    // thread would always have the odd one.
    Value before = k.rem(k.mul(sequence.index, k.index(part.kvHeads)), threads);
    firstItem = k.rem(k.sub(k.add(thread, threads), before), threads);
    emitSequence();
  });
}

/// Declares the functions of the attention object.
static void declare(KernelBuilder &k, const std::string &name) {
  if (k.module.lookupSymbol(name))
    return;
  mlir::OpBuilder::InsertionGuard guard(k.b);
  k.b.setInsertionPointToEnd(k.module.getBody());
  auto declareOne = [&](const char *suffix, llvm::ArrayRef<Type> types) {
    mlir::func::FuncOp::create(k.b, name + suffix,
                               k.b.getFunctionType(types, {}))
        .setPrivate();
  };
  declareOne("", {k.ptr, k.i64, k.ptr, k.ptr, k.i64, k.i64, k.ptr, k.i64, k.f32,
                  k.ptr});
  declareOne("_part", {k.ptr, k.ptr, k.ptr, k.i64, k.i64, k.ptr, k.f32, k.ptr});
  declareOne("_merge", {k.ptr, k.i64, k.ptr});
}

int64_t picollm::sharedAttentionBytes(const AttentionShape &shape,
                                      int64_t kvHeads) {
  if (shape.window && shape.window <= kAttentionPartPositions)
    return 0;
  return 4 * kvHeads * kAttentionMaxParts * attentionStateFloats(shape);
}

mlir::func::FuncOp StepParts::attention(const AttentionPart &part) {
  std::string key = "attention " + std::to_string(part.heads) + " " +
                    std::to_string(part.kvHeads) + " " +
                    std::to_string(part.headSize) + " " +
                    std::to_string(llvm::bit_cast<uint64_t>(part.scale)) + " " +
                    std::to_string(part.rotate) + " " + part.function;
  if (part.normEpsilon)
    key += " " + std::to_string(llvm::bit_cast<uint64_t>(*part.normEpsilon));
  if (mlir::func::FuncOp function = table->find(key))
    return function;
  KernelBuilder &k = *builder;
  mlir::OpBuilder::InsertionGuard guard(k.b);
  declare(k, part.function);
  llvm::SmallVector<Type> types(part.normEpsilon ? 6 : 4, k.ptr);
  types.append(
      {k.ptr, k.i64, k.i64, k.i64, k.ptr, k.ptr, k.ptr, k.ptr, k.i64, k.i64});
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function =
      k.beginFunction(table->number("attention"), types, existing);
  // Between its two parts other threads write the cache.
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    function.removeArgAttr(i, "llvm.noalias");
  AttentionEmitter(k, part).emit();
  k.endFunction();
  table->insert(key, function);
  return function;
}
