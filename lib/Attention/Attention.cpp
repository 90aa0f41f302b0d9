//===- Attention.cpp - shapes, names and workspace ------------------------===//

#include "picollm/Attention/Attention.h"
#include "HalideTarget.h"
#include "StateLayout.h"

using namespace llvm;

namespace picollm {

using namespace attention;

static_assert(kAttentionPiecePositions == kPiece);
static_assert(kAttentionBlockTokens == kBlockTokens);
static_assert(kAttentionMaxParts == kMaxParts);
static_assert(kKVBlockPositions == kKeyBlock);
static_assert(kvRowBytes(KVCacheType::I8, 64) == 64 + kScaleBytes);

Error attention::checkShape(const AttentionShape &shape) {
  if (shape.headSize < 4 || shape.headSize > 512 || shape.headSize % 4)
    return createStringError(
        "attention: the head size must be a multiple of 4 in [4, 512], found " +
        Twine(shape.headSize));
  if (shape.group < 1 || shape.group > 64)
    return createStringError("attention: the number of query heads per KV head "
                             "must be in [1, 64], found " +
                             Twine(shape.group));
  if (shape.window < 0 || shape.window > INT32_MAX)
    return createStringError("attention: the window must be in [1, 2^31 - 1], "
                             "or 0 for none, found " +
                             Twine(shape.window));
  return Error::success();
}

WorkspaceLayout attention::workspaceLayout(const AttentionShape &shape) {
  const int64_t rows =
      roundUp(kBlockTokens * static_cast<int>(shape.group), kRowPadding);
  auto aligned = [](int64_t floats) { return (floats + 15) / 16 * 16; };
  WorkspaceLayout layout;
  layout.state = aligned(rows * shape.headSize);
  layout.keys = layout.state + aligned(rows * (shape.headSize + kStateExtra));
  layout.values = layout.keys + kPiece * shape.headSize;
  layout.total = layout.values + kPiece * shape.headSize;
  return layout;
}

int64_t attentionWorkspaceFloats(const AttentionShape &shape) {
  return workspaceLayout(shape).total;
}

int64_t attentionStateFloats(const AttentionShape &shape) {
  return (shape.group * (shape.headSize + kStateExtra) + 15) / 16 * 16;
}

Expected<std::string> attentionFunctionName(const AttentionShape &shape,
                                            const AttentionTarget &target) {
  if (Error error = checkShape(shape))
    return std::move(error);
  Expected<HalideTarget> halide = selectHalideTarget(target);
  if (!halide)
    return halide.takeError();
  const std::string window =
      shape.window ? "_w" + std::to_string(shape.window) : "";
  return ("picollm_attention_d" + Twine(shape.headSize) + "_g" +
          Twine(shape.group) + window +
          (shape.cache == KVCacheType::I8 ? "_i8_" : "_") + halide->suffix)
      .str();
}

} // namespace picollm
