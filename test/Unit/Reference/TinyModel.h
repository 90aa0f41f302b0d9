//===- TinyModel.h - a small random model, imported -------------*- C++ -*-===//

#ifndef PICOLLM_TEST_UNIT_REFERENCE_TINYMODEL_H
#define PICOLLM_TEST_UNIT_REFERENCE_TINYMODEL_H

#include "../Import/TinyLlama.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Import/Importer.h"
#include "picollm/Reference/ReferenceModel.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>

namespace picollm {

/// A Llama of 2 layers whose file lives as long as the object.
class TinyModel {
public:
  explicit TinyModel(const TinyLlama &shape = TinyLlama()) {
    llvm::SmallString<128> name;
    EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("tiny", "gguf", name));
    path = name.str().str();
    shape.writer().write(path);
    TokenizerData tokenizer;
    auto imported = importModel(path, context, tokenizer);
    if (imported)
      module = std::move(*imported);
    else
      ADD_FAILURE() << llvm::toString(imported.takeError());
  }
  ~TinyModel() { llvm::sys::fs::remove(path); }

  std::unique_ptr<ReferenceModel>
  interpreter(const ReferenceModel::Options &options = {}) {
    auto model = ReferenceModel::create(*module, reader, options);
    if (model)
      return std::move(*model);
    ADD_FAILURE() << llvm::toString(model.takeError());
    return nullptr;
  }

  std::string path;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  WeightReader reader;
};

/// Fails the test and gives an empty value if there is none.
template <typename T> T expectValue(llvm::Expected<T> value) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << llvm::toString(value.takeError());
  return T();
}

template <typename T> std::string errorOf(llvm::Expected<T> value) {
  if (!value)
    return llvm::toString(value.takeError());
  return "";
}

/// Fails unless `text` contains `part`.
inline void expectPart(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos)
      << "expected '" << part << "' in: " << text;
}

inline double largestDifference(const Matrix &a, const Matrix &b) {
  EXPECT_EQ(a.rows, b.rows);
  EXPECT_EQ(a.columns, b.columns);
  if (a.data.size() != b.data.size())
    return INFINITY;
  double largest = 0;
  for (size_t i = 0; i < a.data.size(); ++i)
    largest = std::max<double>(largest, std::fabs(a.data[i] - b.data[i]));
  return largest;
}

/// Rows [first, first + count).
inline Matrix rowsOf(const Matrix &m, int64_t first, int64_t count) {
  Matrix result(count, m.columns);
  std::copy_n(m.row(first), count * m.columns, result.data.begin());
  return result;
}

} // namespace picollm

#endif // PICOLLM_TEST_UNIT_REFERENCE_TINYMODEL_H
