//===- Softmax.h - probabilities from logits --------------------*- C++ -*-===//
//
// On the calling thread. Exponentials are off by less than 2e-7 of themselves;
// those below 2^-126 are 0, those of 88.4 and more infinite.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_REFERENCE_SOFTMAX_H
#define PICOLLM_REFERENCE_SOFTMAX_H

#include <cstdint>

namespace picollm {

/// In place: exp(x_i).
void exponentials(float *x, int64_t count);

/// In place: exp(x_i) / sum_j exp(x_j). `count` is 1 or more.
void softmax(float *x, int64_t count);

/// In place: x_i - log sum_j exp(x_j). `count` is 1 or more.
void logSoftmax(float *x, int64_t count);

} // namespace picollm

#endif // PICOLLM_REFERENCE_SOFTMAX_H
