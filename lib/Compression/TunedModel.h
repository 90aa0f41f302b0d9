//===- TunedModel.h - a quantised model with free scales --------*- C++ -*-===//

#ifndef PICOLLM_LIB_COMPRESSION_TUNEDMODEL_H
#define PICOLLM_LIB_COMPRESSION_TUNEDMODEL_H

#include "PicoLLM/Layout/LayoutDialect.h"
#include "PicoLLM/Model/Model.h"
#include "TunedFactors.h"
#include "mlir/IR/BuiltinOps.h"
#include "picollm/Calibration/Backpropagation.h"
#include "picollm/Quantization/QuantizedMatrix.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MemoryBuffer.h"

namespace picollm {

/// A quantised matrix and the factors of its scales.
struct TunedMatrix {
  layout::MatrixOp op;
  MatrixLayout layout;
  TunedFactors rows;    ///< of all panels
  TunedFactors columns; ///< by input column
};

struct TunedNorm {
  model::WeightOp op;
  std::shared_ptr<const Matrix> weight; ///< of the float model
  TunedFactors factors;

  std::vector<float> values() const;
};

/// A model after picollm-quantize in which the codes are fixed, while row
/// scales, column scales and norms have factors. Going backwards it sums up the
/// gradients of a cost, which subclasses know, in their logarithms.
class TunedModel : public BackpropagationVisitor {
public:
  /// `student` is an interpreter of `module` of its own. Fails where a matrix
  /// is not quantised or a norm cannot be read.
  llvm::Error open(mlir::ModuleOp module, ReferenceModel &student);

  /// Forwards and backwards over the texts of one step.
  llvm::Error run(TokenSequences texts);

  /// One step of all factors along what run() has summed up.
  void descend(int64_t step, double rate);

  /// What the next step goes on from; reading is false for other bytes.
  void writeState(llvm::raw_ostream &os);
  bool readState(llvm::StringRef &bytes);

  /// Writes the same codes with the scales as they are now, norms behind them,
  /// and makes the module refer to the new file.
  llvm::Error write(llvm::StringRef path);

  std::vector<TunedMatrix> matrices;
  llvm::MapVector<llvm::StringRef, TunedNorm> norms;

private:
  /// The rows of a matrix that are a weight of the model.
  struct Rows {
    size_t matrix = 0;
    int64_t first = 0, count = 0;
  };

  template <typename Call> bool forState(Call call);
  llvm::Error openMatrices();
  llvm::Error openNorms();
  llvm::Expected<QuantizedMatrix> codesOf(const TunedMatrix &matrix) const;
  llvm::Error replaceWeights(const TunedMatrix &tuned,
                             llvm::ArrayRef<llvm::StringRef> names);

  llvm::Error enterPart(OpRange ops) override;
  llvm::Error leavePart(OpRange ops) override;
  void visitProduct(mlir::Operation *op, Evaluation &evaluation,
                    const Matrix &output, const Matrix &input) override;
  void visitNorm(mlir::Operation *op, llvm::ArrayRef<float> weight) override;
  void visitEmbedding(size_t text, const Matrix &x, const Matrix &d) override;

  mlir::ModuleOp module;
  ReferenceModel *student = nullptr;
  std::unique_ptr<llvm::MemoryBuffer> codes;
  llvm::StringMap<Rows> weights;
  TokenSequences texts; ///< of run()
};

} // namespace picollm

#endif // PICOLLM_LIB_COMPRESSION_TUNEDMODEL_H
