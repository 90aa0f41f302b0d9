//===- FilteredRounding.h - codes whose signs are filtered ------*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_FILTEREDROUNDING_H
#define PICOLLM_LIB_QUANTIZATION_FILTEREDROUNDING_H

#include <cstdint>

namespace picollm {

/// The codes of a column of n rows, from the first row of a tile on, that
/// minimise sum w (x - s levelOf(bits, codes))^2 in each tile; the sum. `bits`
/// has a row filter; s > 0. `codes` and `values`, s times the levels, may both
/// be null.
float roundFiltered(const float *x, const float *w, int64_t n, float s,
                    int64_t bits, uint16_t *codes, float *values);

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_FILTEREDROUNDING_H
