//===- Attention.h - the attention function a step calls --------*- C++ -*-===//
//
// The contract between the generated step and the attention object. Both sides
// use plain C types only; the object is one-threaded, allocates nothing from a
// heap and imports at most memcpy, memset and memmove.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_ATTENTION_ATTENTION_H
#define PICOLLM_ATTENTION_ATTENTION_H

#include "llvm/Support/Error.h"
#include <algorithm>
#include <cstdint>
#include <string>

namespace picollm {

/// Keys and values are read in pieces of this many positions, from position 0
/// or the block of the first that the first token of a call attends to. Pieces
/// are merged in ascending order, so results depend on nothing but the inputs.
constexpr int64_t kAttentionPiecePositions = 256;

/// Query tokens are worked on in blocks of this many.
constexpr int64_t kAttentionBlockTokens = 64;

/// Attention of one token to more positions than this is divided into parts of
/// at least so many, at most kAttentionMaxParts of them, for threads to share.
constexpr int64_t kAttentionPartPositions = 4 * kAttentionPiecePositions;
constexpr int64_t kAttentionMaxParts = 16;

/// How keys and values are kept: binary16, or codes of 8 bits, where a position
/// of a KV head has a scale of its own.
enum class KVCacheType { F16, I8 };

/// As in flags, manifests and IR.
constexpr const char *nameOf(KVCacheType type) {
  return type == KVCacheType::F16 ? "f16" : "i8";
}

/// Positions lie in blocks of this many: a KV head has room for a multiple.
constexpr int64_t kKVBlockPositions = 16;

/// Bytes of the keys, or of the values, of one position and KV head. F16: head
/// size binary16 numbers. I8: head size signed codes and their scale, f32; a
/// number is scale * code, with scale = m / 127 and code = x * (127 / m)
/// rounded to nearest even, for the largest magnitude m (0 for m = 0).
///
/// The values of a position are a row: numbers, or codes and then their scale.
/// The keys of a block lie transposed, so that the scores of its positions are
/// the lanes of a vector: [head size][kKVBlockPositions] numbers, or codes and
/// then [kKVBlockPositions] scales.
constexpr int64_t kvRowBytes(KVCacheType type, int64_t headSize) {
  return type == KVCacheType::F16 ? 2 * headSize : headSize + 4;
}

/// What one attention function is made for: the query heads that share one
/// KV head.
struct AttentionShape {
  int64_t headSize = 0; ///< a multiple of 4 in [4, 512]
  int64_t group = 0;    ///< query heads per KV head, in [1, 64]
  /// Positions that a query attends to, its own included; 0: all before it.
  int64_t window = 0;
  KVCacheType cache = KVCacheType::F16;
};

/// What it is compiled for.
struct AttentionTarget {
  std::string triple; ///< LLVM triple, as "x86_64-unknown-linux-gnu"
  /// LLVM feature names, comma-separated, each with or without a leading '+',
  /// as "avx2,f16c,fma"; "" is the baseline of the triple.
  std::string features;
};

/// The function of one shape and target, called once per KV head and block of
/// query tokens:
///
///   q        [tokens][group][headSize] f32, after RoPE, `qTokenStride` floats
///            from one token to the next; heads lie one after the other
///   k, v     blocks of kKVBlockPositions times kvRowBytes of this layer and KV
///            head; positions [0, position + tokens) are filled and finite,
///            what else their blocks hold has no effect, the rest is not read
///   position of the first token; token t attends to [0, position + t], or the
///            last `window` positions of that
///   tokens   >= 1
///   out      [tokens][group][headSize] f32, `outTokenStride` floats from one
///            token to the next; must not overlap any other operand
///   scale    of the scores, usually 1 / sqrt(headSize)
///   workspace attentionWorkspaceFloats(shape) floats, 64-byte aligned, not
///            shared with another thread
///
/// Strides are below 2^24 floats. A call equals, bit for bit, the calls for its
/// blocks of kAttentionBlockTokens tokens: a step may hand out (KV head, block)
/// pairs to its threads. A block of one token takes another path (decode) than
/// longer ones (prefill); the two agree to a relative 1e-5 of the largest
/// output.
using AttentionFunction = void (*)(const float *q, int64_t qTokenStride,
                                   const void *k, const void *v,
                                   int64_t position, int64_t tokens, float *out,
                                   int64_t outTokenStride, float scale,
                                   float *workspace);

/// How one token's attention to `attended` positions is divided: parts begin at
/// multiples of `positions`, counted from the first attended one.
struct AttentionParts {
  int64_t count = 1, positions = 0;
};

/// Depends on nothing but `attended`, so that results do not depend on the
/// number of threads.
constexpr AttentionParts attentionParts(int64_t attended) {
  auto divideCeil = [](int64_t a, int64_t b) { return (a + b - 1) / b; };
  const int64_t pieces = divideCeil(divideCeil(attended, kAttentionMaxParts),
                                    kAttentionPiecePositions);
  const int64_t positions =
      std::max(kAttentionPartPositions, pieces * kAttentionPiecePositions);
  return {divideCeil(attended, positions), positions};
}

/// The second function of an object, its name followed by "_part": one query
/// token's attention to positions [begin, end) of k and v, 0 <= begin < end;
/// q is [group][headSize], `state` gets attentionStateFloats(shape) floats,
/// 64-byte aligned. No window applies.
using AttentionPartFunction = void (*)(const float *q, const void *k,
                                       const void *v, int64_t begin,
                                       int64_t end, float *state, float scale,
                                       float *workspace);

/// The third, followed by "_merge": the attention to all positions of
/// `parts` >= 1 states, one after the other, in ascending order. out is
/// [group][headSize].
using AttentionMergeFunction = void (*)(const float *states, int64_t parts,
                                        float *out);

/// Size of the workspace of one call, in floats; a multiple of 16. The same for
/// every target.
int64_t attentionWorkspaceFloats(const AttentionShape &shape);

/// Size of the state of one part, in floats; a multiple of 16.
int64_t attentionStateFloats(const AttentionShape &shape);

/// Symbol of the function, hidden in its object, as
/// "picollm_attention_d64_g3_avx2_f16c_fma", with "_w512" after the group for a
/// window of 512, then "_i8" for a cache of that type: two targets for which
/// the object is the same have the same name. Fails for a shape or target that
/// buildAttention refuses.
llvm::Expected<std::string>
attentionFunctionName(const AttentionShape &shape,
                      const AttentionTarget &target);

} // namespace picollm

#endif // PICOLLM_ATTENTION_ATTENTION_H
