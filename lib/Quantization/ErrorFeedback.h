//===- ErrorFeedback.h - rounds columns, spreads their errors ---*- C++ -*-===//

#ifndef PICOLLM_LIB_QUANTIZATION_ERRORFEEDBACK_H
#define PICOLLM_LIB_QUANTIZATION_ERRORFEEDBACK_H

#include "FeedbackFactor.h"
#include "StackRows.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace picollm {

/// What is fixed for a whole stack. Places are columns in the order of
/// feedback.
struct FeedbackPlan {
  const FeedbackFactor *factor = nullptr;
  std::vector<std::vector<int64_t>> bits;        ///< [panel][place]
  std::vector<std::vector<float>> segmentScales; ///< a_s, [panel][place]
  std::vector<float> columnScales;               ///< c_j, [place]
};

/// Rows of one panel inside FeedbackRows; begin and count are multiples of
/// laneCount.
struct RowSlice {
  size_t panel = 0;
  int64_t begin = 0, count = 0;
};

/// W / r of some rows of a stack by columns, padded with rows of zeros of
/// weight 0.
struct FeedbackRows {
  int64_t stride = 0;
  std::vector<RowSlice> slices;
  std::vector<float> values;  ///< [place][stride]
  std::vector<float> weights; ///< [stride], f_i r_i^2

  float *column(int64_t k) { return values.data() + k * stride; }
  const float *column(int64_t k) const { return values.data() + k * stride; }
};

/// Rows of a chunk, [count][columns], as FeedbackRows of one slice, divided by
/// r_i; `inverseRows` and `weights` have one entry per row.
FeedbackRows makeFeedbackRows(const RowChunk &chunk, const float *rows,
                              int64_t columns,
                              const std::vector<uint32_t> &order,
                              const float *inverseRows, const float *weights);

/// Chooses the segment scales of a stack of several panels, which share c_j,
/// on its weights before feedback.
void fitSegmentScales(FeedbackPlan &plan, const FeedbackRows &rows);

/// Quantises the rows column by column in the order of feedback: `round(k,
/// values)` says what column k becomes, and its error goes to the columns after
/// it. `startBlock(begin, end)` is called before each `block` columns, when the
/// errors of all columns before them have arrived there. losses[panel] grows by
/// the loss.
void spreadErrors(
    const FeedbackFactor &factor, int64_t block, FeedbackRows &rows,
    llvm::function_ref<void(int64_t begin, int64_t end)> startBlock,
    llvm::function_ref<void(int64_t k, float *values)> round,
    std::vector<double> &losses);

/// Quantises the rows column by column. On return `rows.values` holds what the
/// codes mean and `codes` the codes, [place][stride]; losses[panel] grows by
/// the loss. With `chooseScales`, c_j is chosen for each column as its turn
/// comes and left in the plan.
void runErrorFeedback(FeedbackPlan &plan, bool chooseScales, FeedbackRows &rows,
                      std::vector<uint16_t> &codes,
                      std::vector<double> &losses);

/// Rounds column k of a slice, `slice.count` values and weights: codes, and
/// what they mean.
void roundSlice(const FeedbackPlan &plan, const RowSlice &slice, int64_t k,
                const float *x, const float *weights, uint16_t *codes,
                float *values);

/// Lowers the loss of codes whose meaning by `plan` is `rows.values`, in so
/// many sweeps of coordinate descent over the columns. `original`: what they
/// stand for, [place][stride].
void refineCodes(const FeedbackPlan &plan, const std::vector<float> &original,
                 FeedbackRows &rows, std::vector<uint16_t> &codes,
                 int64_t sweeps);

/// H times the columns of `values` ([place][stride]), into `out`.
void multiplyMoment(const FeedbackFactor &factor, const float *values,
                    int64_t stride, std::vector<float> &out);

/// Per row, the factor on its scale that fits `original` best in the norm of
/// H; `quantized` and `original` are [place][stride], momentQuantized is H
/// times quantized. 1 where nothing can be gained.
std::vector<float> fitRows(const FeedbackRows &quantized,
                           const std::vector<float> &original,
                           const std::vector<float> &momentQuantized);

/// Changes plan.columnScales to those that fit `original` best in the norm of
/// H for the chosen codes, rows scaled by `rowFactors`.
void refitColumnScales(FeedbackPlan &plan, const FeedbackRows &quantized,
                       const std::vector<float> &original,
                       const std::vector<float> &rowFactors);

} // namespace picollm

#endif // PICOLLM_LIB_QUANTIZATION_ERRORFEEDBACK_H
