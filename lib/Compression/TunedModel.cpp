//===- TunedModel.cpp - a quantised model with free scales ----------------===//

#include "TunedModel.h"
#include "mlir/IR/Builders.h"
#include "picollm/Compression/CodeFile.h"
#include "picollm/Support/Half.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/RawVector.h"
#include "picollm/Support/ReadFile.h"

using namespace mlir;
using namespace picollm;

/// The weight that an op of the model level reads; empty for others.
static StringRef weightReadBy(mlir::Operation *op) {
  auto reference = op->getAttrOfType<FlatSymbolRefAttr>("weight");
  return reference ? reference.getValue() : StringRef();
}

std::vector<float> TunedNorm::values() const {
  std::vector<float> result = weight->data;
  for (size_t i = 0; i < result.size(); ++i)
    result[i] *= factors[i];
  return result;
}

llvm::Error TunedModel::open(ModuleOp newModule, ReferenceModel &newStudent) {
  module = newModule;
  student = &newStudent;
  if (llvm::Error error = openMatrices())
    return error;
  return openNorms();
}

llvm::Error TunedModel::openMatrices() {
  for (auto op : module.getOps<layout::MatrixOp>()) {
    if (op.getRef().getEncoding() != "codes")
      return llvm::createStringError("'" + op.getSymName() +
                                     "' is not quantised; run "
                                     "picollm-quantize first");
    MatrixLayout layout = cast<layout::MatrixType>(op.getType()).getLayout();
    int64_t row = 0;
    for (auto [source, panel] : llvm::zip_equal(
             op.getSources().getAsValueRange<StringAttr>(), layout.panels)) {
      Rows &rows = weights[source];
      if (rows.count == 0)
        rows = {matrices.size(), row, 0};
      rows.count += panel.rows;
      row += panel.rows;
    }
    matrices.push_back(
        {op, layout, TunedFactors(row), TunedFactors(layout.columns)});
  }
  if (matrices.empty())
    return llvm::createStringError(
        "the module has no quantised matrices; run picollm-quantize first");
  StringRef file = matrices.front().op.getRef().getFile();
  auto buffer = readFile(file);
  if (!buffer)
    return buffer.takeError();
  codes = std::move(*buffer);
  return llvm::Error::success();
}

llvm::Error TunedModel::openNorms() {
  for (auto op : module.getOps<model::WeightOp>()) {
    if (weights.contains(op.getSymName()))
      continue;
    auto values = student->weights().get(op.getSymName());
    if (!values)
      return values.takeError();
    norms[op.getSymName()] = {op, *values,
                              TunedFactors((*values)->data.size())};
  }
  return llvm::Error::success();
}

llvm::Expected<QuantizedMatrix>
TunedModel::codesOf(const TunedMatrix &matrix) const {
  layout::MatrixOp op = matrix.op;
  return readCodes(codes->getBuffer(), op.getRef().getOffset(), matrix.layout);
}

/// Puts what `names`, sources of one matrix, stand for in the student.
llvm::Error TunedModel::replaceWeights(const TunedMatrix &tuned,
                                       llvm::ArrayRef<StringRef> names) {
  auto matrix = codesOf(tuned);
  if (!matrix)
    return matrix.takeError();
  const int64_t columns = tuned.layout.columns;
  std::vector<float> ofColumns(columns);
  for (int64_t j = 0; j < columns; ++j)
    ofColumns[j] = tuned.columns[j];
  std::vector<std::pair<size_t, int64_t>> rows; // panel, and row in it
  for (auto [p, panel] : llvm::enumerate(tuned.layout.panels))
    for (int64_t row = 0; row < panel.rows; ++row)
      rows.push_back({p, row});
  for (StringRef name : names) {
    const Rows &range = weights[name];
    std::vector<float> values(range.count * columns);
    parallelFor(range.count, [&](int64_t i) {
      auto [panel, row] = rows[range.first + i];
      float *out = values.data() + i * columns;
      dequantizeRow(*matrix, panel, row, out);
      const float ofRow = tuned.rows[range.first + i];
      for (int64_t j = 0; j < columns; ++j)
        out[j] *= ofRow * ofColumns[j];
    });
    if (llvm::Error error = student->weights().replace(name, std::move(values)))
      return error;
  }
  return llvm::Error::success();
}

llvm::Error TunedModel::enterPart(OpRange ops) {
  llvm::MapVector<size_t, llvm::SmallVector<StringRef>> wanted;
  for (mlir::Operation *op : ops)
    if (auto rows = weights.find(weightReadBy(op)); rows != weights.end())
      wanted[rows->second.matrix].push_back(rows->first());
  for (auto &[matrix, names] : wanted)
    if (llvm::Error error = replaceWeights(matrices[matrix], names))
      return error;
  return llvm::Error::success();
}

llvm::Error TunedModel::leavePart(OpRange ops) {
  for (mlir::Operation *op : ops)
    if (StringRef name = weightReadBy(op); weights.contains(name))
      student->weights().restore(name);
  return llvm::Error::success();
}

/// sums[j] += the sum over t of a[t][j] * b[t][j].
static void addProducts(const Matrix &a, const Matrix &b, double *sums) {
  constexpr int64_t tile = 64;
  parallelForTiles(a.columns, tile, [&](int64_t first, int64_t count) {
    for (int64_t t = 0; t < a.rows; ++t)
      for (int64_t j = first; j < first + count; ++j)
        sums[j] += double(a.row(t)[j]) * b.row(t)[j];
  });
}

/// y_i has the factor of row i, and x_j goes through column j only.
void TunedModel::visitProduct(mlir::Operation *op, Evaluation &evaluation,
                              const Matrix &output, const Matrix &input) {
  const Rows &rows = weights[weightReadBy(op)];
  TunedMatrix &matrix = matrices[rows.matrix];
  addProducts(output, evaluation.matrix(op->getResult(0)),
              matrix.rows.gradient.data() + rows.first);
  addProducts(input, evaluation.matrix(op->getOperand(0)),
              matrix.columns.gradient.data());
}

void TunedModel::visitNorm(mlir::Operation *op, llvm::ArrayRef<float> weight) {
  TunedNorm &norm = norms[weightReadBy(op)];
  for (size_t i = 0; i < weight.size(); ++i)
    norm.factors.gradient[i] +=
        double(weight[i]) * norm.weight->data[i] * norm.factors[i];
}

void TunedModel::visitEmbedding(size_t text, const Matrix &x, const Matrix &d) {
  auto embedding =
      llvm::find_if(student->operations(), llvm::IsaPred<model::EmbeddingOp>);
  if (embedding == student->operations().end())
    return;
  const Rows &rows = weights[weightReadBy(*embedding)];
  TunedMatrix &matrix = matrices[rows.matrix];
  for (int64_t t = 0; t < x.rows; ++t)
    for (int64_t j = 0; j < x.columns; ++j)
      matrix.rows.gradient[rows.first + texts[text][t]] +=
          double(x.row(t)[j]) * d.row(t)[j];
  addProducts(x, d, matrix.columns.gradient.data());
}

llvm::Error TunedModel::run(TokenSequences newTexts) {
  texts = std::move(newTexts);
  for (auto &[name, norm] : norms)
    if (llvm::Error error = student->weights().replace(name, norm.values()))
      return error;
  auto pass = Backpropagation::create(*student);
  if (!pass)
    return pass.takeError();
  return pass->run(texts, *this);
}

void TunedModel::descend(int64_t step, double rate) {
  for (TunedMatrix &matrix : matrices) {
    matrix.rows.descend(step, rate);
    matrix.columns.descend(step, rate);
  }
  for (auto &[name, norm] : norms)
    norm.factors.descend(step, rate);
}

template <typename Call> bool TunedModel::forState(Call call) {
  return llvm::all_of(matrices,
                      [&](TunedMatrix &matrix) {
                        return matrix.rows.forState(call) &&
                               matrix.columns.forState(call);
                      }) &&
         llvm::all_of(norms, [&](auto &entry) {
           return entry.second.factors.forState(call);
         });
}

void TunedModel::writeState(llvm::raw_ostream &os) {
  forState([&](const std::vector<float> &values) {
    writeSized(os, values);
    return true;
  });
}

bool TunedModel::readState(llvm::StringRef &bytes) {
  return forState([&](std::vector<float> &values) {
    const size_t count = values.size();
    return readSized(bytes, values) && values.size() == count;
  });
}

static uint16_t times(uint16_t half, float factor) {
  return floatToHalf(std::min(maxHalf, halfToFloat(half) * factor));
}

llvm::Error TunedModel::write(StringRef path) {
  auto writer = CodeFileWriter::create(path);
  if (!writer)
    return writer.takeError();
  auto refTo = [&](int64_t offset, StringRef encoding) {
    return model::WeightRefAttr::get(module.getContext(), path, offset,
                                     (*writer)->bytes() - offset, encoding, "");
  };
  for (TunedMatrix &tuned : matrices) {
    auto matrix = codesOf(tuned);
    if (!matrix)
      return matrix.takeError();
    for (auto [scale, column] :
         llvm::zip_equal(matrix->columnScales, matrix->order))
      scale = times(scale, tuned.columns[column]);
    int64_t row = 0;
    for (QuantizedPanel &panel : matrix->panels)
      for (uint16_t &scale : panel.rowScales)
        scale = times(scale, tuned.rows[row++]);
    auto offset = (*writer)->append(*matrix);
    if (!offset)
      return offset.takeError();
    tuned.op.setRefAttr(refTo(*offset, "codes"));
  }
  for (auto &[name, norm] : norms) {
    auto offset = (*writer)->appendFloats(norm.values());
    if (!offset)
      return offset.takeError();
    norm.op.setRefAttr(refTo(*offset, "f32"));
    norm.op.removePlusAttr();
  }
  return (*writer)->finish();
}
