//===- Arithmetic.cpp - exponential and f16 without library calls ---------===//

#include "Kernels.h"

using namespace Halide;

namespace picollm::attention {

Expr exp2NonPositive(Expr x) {
  // x = i + f with i = round(x) and f in [-1/2, 1/2]. Conversion truncates, on
  // every target in one instruction; rounding would be a library call on a
  // baseline x86-64.
  Expr clamped = max(x, -126.0f);
  Expr whole = cast<int32_t>(clamped - 0.5f);
  Expr f = clamped - cast<float>(whole);
  // Minimax polynomial of 2^f on [-1/2, 1/2] with p(0) = 1, relative error
  // 2.0e-9 (9.7e-8 evaluated in f32).
  const float coefficients[] = {0.00015353361959569156f,
                                0.0013398875016719103f,
                                0.00961843691766262f,
                                0.055503323674201965f,
                                0.24022647738456726f,
                                0.6931471824645996f,
                                1.0f};
  Expr p = coefficients[0];
  for (int i = 1; i < 7; ++i)
    p = p * f + coefficients[i];
  return p * reinterpret<float>((whole + 127) << 23);
}

Expr fromF16(Expr half, const Target &target) {
  if (target.has_feature(Target::F16C) || target.arch == Target::ARM)
    return cast<float>(half);
  // Exponent and mantissa move to their place in f32; 2^112 is the difference
  // of the biases and makes subnormals right.
  Expr bits = cast<uint32_t>(reinterpret<uint16_t>(half));
  Expr magnitude =
      reinterpret<float>((bits & 0x7fffu) << 13) * 5.192296858534828e33f;
  return reinterpret<float>(reinterpret<uint32_t>(magnitude) |
                            ((bits & 0x8000u) << 16));
}

int vectorLanes(int extent, const Target &target) {
  int lanes = target.natural_vector_size<float>();
  while (extent % lanes)
    lanes /= 2;
  return lanes;
}

int largestDivisor(int value, int limit) {
  int divisor = limit < value ? limit : value;
  while (value % divisor)
    --divisor;
  return divisor;
}

} // namespace picollm::attention
