//===- ReferenceLogitsTest.cpp - importer and interpreter against golden --===//

#include "GoldenModel.h"
#include "mlir/IR/MLIRContext.h"
#include "picollm/Import/Importer.h"
#include "picollm/Reference/ReferenceModel.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <cstring>

using namespace picollm;

namespace {

class GoldenModels : public ::testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto imported = importModel(golden.path, context, tokenizer);
    ASSERT_TRUE(bool(imported)) << llvm::toString(imported.takeError());
    module = std::move(*imported);
    auto created = ReferenceModel::create(*module, reader);
    ASSERT_TRUE(bool(created)) << llvm::toString(created.takeError());
    model = std::move(*created);
  }

  const GoldenModel golden{GetParam()};
  mlir::MLIRContext context;
  ImportedTokenizer tokenizer;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  WeightReader reader;
  std::unique_ptr<ReferenceModel> model;
};

TEST_P(GoldenModels, ReferenceGivesTheGoldenLogits) {
  // transformers keeps keys and values in float32.
  Sequence sequence;
  sequence.halfCache = false;
  const Feed feed{&sequence, golden.prompt};
  llvm::Expected<Matrix> logits = model->forward(feed);
  ASSERT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
  ASSERT_EQ(logits->columns, golden.vocabulary);
  ASSERT_EQ(logits->rows, int64_t(golden.prompt.size()));
  for (size_t i = 0; i < golden.positions.size(); ++i)
    EXPECT_LE(golden.relativeError(i, logits->row(golden.positions[i])), 1e-3)
        << "at position " << golden.positions[i];
}

// The same with the f16 KV cache that attention defines: keys and values have a
// relative error of 2^-11.
TEST_P(GoldenModels, HalfCacheStaysNearTheGoldenLogits) {
  llvm::Expected<Matrix> logits = model->logits(golden.prompt);
  ASSERT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
  for (size_t i = 0; i < golden.positions.size(); ++i)
    EXPECT_LE(golden.relativeError(i, logits->row(golden.positions[i])), 2e-3)
        << "at position " << golden.positions[i];
}

TEST_P(GoldenModels, ReferenceDecodesTheGoldenTokens) {
  Sequence sequence;
  std::vector<int32_t> next = golden.prompt, found;
  while (found.size() < golden.greedy.size()) {
    const Feed feed{&sequence, next, int64_t(next.size()) - 1};
    llvm::Expected<Matrix> logits = model->forward(feed);
    ASSERT_TRUE(bool(logits)) << llvm::toString(logits.takeError());
    const float *row = logits->row(0);
    found.push_back(std::max_element(row, row + logits->columns) - row);
    next = {found.back()};
  }
  EXPECT_EQ(found, golden.greedy);
}

const auto nameOf = [](const auto &info) { return testNameOf(info.param); };

INSTANTIATE_TEST_SUITE_P(Models, GoldenModels,
                         ::testing::ValuesIn(kGoldenModels), nameOf);
INSTANTIATE_TEST_SUITE_P(Folders, GoldenModels,
                         ::testing::ValuesIn(kGoldenFolders), nameOf);

/// The logits of the prompt by the interpreter; empty (and a failure) if the
/// model cannot be read.
std::vector<float> logitsOf(const GoldenModel &golden) {
  mlir::MLIRContext context;
  ImportedTokenizer tokenizer;
  WeightReader reader;
  auto module = importModel(golden.path, context, tokenizer);
  if (!module) {
    ADD_FAILURE() << llvm::toString(module.takeError());
    return {};
  }
  auto model = ReferenceModel::create(**module, reader);
  if (!model) {
    ADD_FAILURE() << llvm::toString(model.takeError());
    return {};
  }
  llvm::Expected<Matrix> logits = (*model)->logits(golden.prompt);
  if (!logits) {
    ADD_FAILURE() << llvm::toString(logits.takeError());
    return {};
  }
  return {logits->row(0), logits->row(0) + logits->rows * logits->columns};
}

class GoldenFolders : public ::testing::TestWithParam<const char *> {};

// The weights have the same values in both, so each bit has to agree.
TEST_P(GoldenFolders, GivesTheSameLogitsAsTheGGUFFile) {
  const std::string name = GetParam();
  const std::vector<float> folder = logitsOf(GoldenModel(name));
  const std::vector<float> file =
      logitsOf(GoldenModel(name.substr(0, name.size() - 1)));
  ASSERT_FALSE(folder.empty());
  ASSERT_EQ(folder.size(), file.size());
  EXPECT_EQ(
      std::memcmp(folder.data(), file.data(), file.size() * sizeof(float)), 0);
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenFolders,
                         ::testing::ValuesIn(kGoldenFolders), nameOf);

} // namespace
