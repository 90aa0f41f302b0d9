//===- Kernels.h - what the attention generators share ----------*- C++ -*-===//
//
// The attention function (Attention.h) is a loop over pieces of the context
// around six Halide functions:
//
//   pack     queries of a block -> rows [rows][D], scaled for base-2 exponents
//   decode   rows x one piece of K and V -> state, for one query token
//   prepare  one piece of K and V -> f32 operands of `prefill`
//   prefill  rows x a prepared piece -> state, for a block of query tokens
//   finish   state -> outputs
//   merge    states of several parts of the context -> one state
//
// D is the head size. A row is one query: row = token * group + head. The state
// of a row is D sums of weighted values, then the running maximum m and the
// running sum l of the online softmax (Milakov & Gimelshein 2018, "Online
// normalizer calculation for softmax"; FlashAttention's merge of pieces).
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_ATTENTION_GENERATOR_KERNELS_H
#define PICOLLM_ATTENTION_GENERATOR_KERNELS_H

#include "../StateLayout.h"
#include "Halide.h"
#include <memory>
#include <string>
#include <vector>

namespace picollm::attention {

/// Stands for minus infinity: LLVM is told that there are no infinities.
constexpr float kNoScore = -3.0e38f;

/// 2^x for x <= 0, relative error below 1e-7; 2^-126 below -126.
Halide::Expr exp2NonPositive(Halide::Expr x);

/// f32 of a finite f16, by the instruction where the target has one.
Halide::Expr fromF16(Halide::Expr half, const Halide::Target &target);

/// Largest power of two up to the target's vector that divides `extent`.
int vectorLanes(int extent, const Halide::Target &target);

/// Largest divisor of `value` that is at most `limit`.
int largestDivisor(int value, int limit);

/// The extents of a dense matrix [rows][columns], so that no stride is read at
/// run time. Columns come first in Halide.
template <typename BufferParam>
void constrainMatrix(BufferParam &buffer, int columns, int rowStride) {
  buffer.dim(0).set_bounds(0, columns);
  buffer.dim(1).set_min(0).set_stride(rowStride);
}

/// As constrainMatrix, of keys (position in its block, d, block).
template <typename BufferParam>
void constrainKeys(BufferParam &buffer, int size, int blockStride) {
  buffer.dim(0).set_bounds(0, kKeyBlock);
  buffer.dim(1).set_bounds(0, size).set_stride(kKeyBlock);
  buffer.dim(2).set_min(0).set_stride(blockStride);
}

/// The parameters that every kernel has.
template <typename Kernel>
class AttentionKernel : public Halide::Generator<Kernel> {
public:
  Halide::GeneratorParam<int> headSize{"head_size", 64};
  Halide::GeneratorParam<int> group{"group", 1};
  Halide::GeneratorParam<bool> windowed{"windowed", false};
  Halide::GeneratorParam<bool> codes{"codes", false};
};

/// A kernel that reads the KV cache: binary16 numbers, or codes with scales
/// (KVCacheType). The keys of kKeyBlock positions lie transposed.
template <typename Kernel> class CacheKernel : public AttentionKernel<Kernel> {
public:
  template <int Dimensions>
  using Cache = Halide::GeneratorInput<Halide::Buffer<void, Dimensions>>;
  template <int Dimensions>
  using Scales = Halide::GeneratorInput<Halide::Buffer<float, Dimensions>>;
  Cache<3> k{"k"}; // (position in its block, d, block)
  Cache<2> v{"v"}; // (d, position)
  // Of codes: (position in its block, block) and (position).
  Scales<2> *keyScales = nullptr;
  Scales<1> *valueScales = nullptr;

protected:
  void configureCache() {
    const Halide::Type type = this->codes ? Halide::Int(8) : Halide::Float(16);
    k.set_type(type);
    v.set_type(type);
    if (!this->codes)
      return;
    keyScales =
        this->template add_input<Halide::Buffer<float, 2>>("key_scales");
    valueScales =
        this->template add_input<Halide::Buffer<float, 1>>("value_scales");
  }

  void constrainCache() {
    const int size = this->headSize;
    const int row = this->codes ? size + kScaleBytes : size;
    constrainKeys(k, size, kKeyBlock * row);
    constrainMatrix(v, size, row);
    if (!this->codes)
      return;
    const int floats = row / kScaleBytes;
    constrainMatrix(*keyScales, kKeyBlock, kKeyBlock * floats);
    valueScales->dim(0).set_min(0).set_stride(floats);
  }

  /// Element d of the keys of a position; of codes without its scale.
  Halide::Expr keyElement(Halide::Expr i, Halide::Expr d, Halide::Expr block) {
    return number(k(i, d, block));
  }
  Halide::Expr valueElement(Halide::Expr d, Halide::Expr position) {
    return number(v(d, position));
  }

  /// `value` times the scale of a position, where there are scales.
  Halide::Expr scaledKey(Halide::Expr value, Halide::Expr i,
                         Halide::Expr block) {
    return this->codes ? value * (*keyScales)(i, block) : value;
  }
  Halide::Expr scaledValue(Halide::Expr value, Halide::Expr position) {
    return this->codes ? value * (*valueScales)(position) : value;
  }

private:
  Halide::Expr number(Halide::Expr stored) {
    return this->codes ? Halide::cast<float>(stored)
                       : fromF16(stored, this->get_target());
  }
};

} // namespace picollm::attention

#endif // PICOLLM_ATTENTION_GENERATOR_KERNELS_H
