//===- StoredFields.h - reads weights of 5 to 8 bits ------------*- C++ -*-===//

#ifndef PICOLLM_LIB_CONVERSION_KERNELS_STOREDFIELDS_H
#define PICOLLM_LIB_CONVERSION_KERNELS_STOREDFIELDS_H

#include "../KernelBuilder.h"

namespace picollm {

/// Bytes (i8 x 32) shifted by whole words: bits that cross bytes must be masked
/// off. A negative `left` shifts right.
Value shiftBytes(KernelBuilder &k, Value bytes, int64_t left);

/// Reads the vectors U[c][g] of a step (Layout.h), i8 x 32: columns 4c .. 4c +
/// 3 of rows 8g .. 8g + 7.
class StoredFields {
public:
  /// `bits`: 5 to 8.
  StoredFields(KernelBuilder &k, int64_t bits, bool hasGroups);

  /// Weights as multiplications take them; `sign` is null or negative where
  /// they are to be subtracted, and never 0.
  struct Weights {
    Value values, sign;
  };
  /// Magnitudes and signs where codes have a sign bit and the instruction set
  /// multiplies with signs, else levels; without a sign bit codes, of 8 bits
  /// less 128.
  Weights read(Value step, int64_t c, int64_t g);

  /// Levels (Levels.h), with groups those without the zero, of 8 bits half of
  /// what is one below them: the code less 128.
  Value readLevels(Value step, int64_t c, int64_t g);

private:
  Value vector(Value step, int64_t number);
  Value lowNibbles(Value step, int64_t c, int64_t g);
  Value codes(Value step, int64_t c, int64_t g);
  Weights signedMagnitudes(Value step, int64_t c, int64_t g);
  Value applySign(const Weights &weights);

  KernelBuilder &k;
  int64_t bits;
  bool hasSign;
  std::vector<Values> tables; ///< of magnitudes, 16 each
};

} // namespace picollm

#endif // PICOLLM_LIB_CONVERSION_KERNELS_STOREDFIELDS_H
