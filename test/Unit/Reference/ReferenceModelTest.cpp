//===- ReferenceModelTest.cpp - evaluation of models ----------------------===//
//
// That logits are right is the subject of the golden models; here, that every
// way to ask for them gives the same, and what is refused.
//
//===----------------------------------------------------------------------===//

#include "PicoLLM/Model/Model.h"
#include "PicoLLM/Step/Step.h"
#include "TinyModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "picollm/Support/Parallel.h"
#include "llvm/ADT/StringSet.h"

using namespace picollm;

static const std::vector<int32_t> tokens{3, 17, 0, 39, 8, 8, 21};

TEST(ReferenceModel, WantedRowsAreTheLastOfAll) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  Matrix all = expectValue(model->logits(tokens));
  EXPECT_EQ(all.rows, 7);
  EXPECT_EQ(all.columns, 40);
  EXPECT_GT(largestDifference(rowsOf(all, 0, 1), rowsOf(all, 1, 1)), 0.01);
  Matrix last = expectValue(model->logits(tokens, 5));
  EXPECT_LT(largestDifference(last, rowsOf(all, 5, 2)), 1e-5);
  EXPECT_EQ(expectValue(model->logits(tokens, 7)).rows, 0);
}

TEST(ReferenceModel, StepsWithACacheEqualTheWholeSequence) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  Matrix all = expectValue(model->logits(tokens));
  Sequence sequence;
  int64_t position = 0;
  for (int64_t count : {3, 1, 1, 2}) {
    Matrix rows = expectValue(model->forward(
        Feed{&sequence, llvm::ArrayRef(tokens).slice(position, count)}));
    EXPECT_LT(largestDifference(rows, rowsOf(all, position, count)), 1e-5);
    position += count;
    EXPECT_EQ(sequence.length, position);
  }
}

TEST(ReferenceModel, SequencesSideBySideEqualEachAlone) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  std::vector<int32_t> other{9, 2, 30};
  Sequence a, b;
  expectValue(model->forward(Feed{&a, llvm::ArrayRef(tokens).take_front(2)}));
  Matrix both = expectValue(model->forward(
      {Feed{&a, llvm::ArrayRef(tokens).drop_front(2), 4}, Feed{&b, other, 1}}));
  Matrix expectedA = expectValue(model->logits(tokens, 6));
  Matrix expectedB = expectValue(model->logits(other, 1));
  ASSERT_EQ(both.rows, 3);
  EXPECT_LT(largestDifference(rowsOf(both, 0, 1), expectedA), 1e-5);
  EXPECT_LT(largestDifference(rowsOf(both, 1, 2), expectedB), 1e-5);
}

TEST(ReferenceModel, RefusedTokensLeaveTheSequenceAsItWas) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  Sequence sequence;
  expectValue(model->forward(Feed{&sequence, tokens}));
  std::vector<int32_t> outside{1, 40}, negative{-1}, many(58, 1);
  expectPart(errorOf(model->forward(Feed{&sequence, outside})),
             "token 40 is outside the vocabulary of 40 tokens");
  expectPart(errorOf(model->forward(Feed{&sequence, negative})),
             "token -1 is outside");
  expectPart(errorOf(model->forward(Feed{&sequence, many})),
             "context of 64 positions");
  expectPart(errorOf(model->logits({})), "at least one token");
  expectPart(errorOf(model->logits(tokens, 8)), "first wanted");
  EXPECT_EQ(sequence.length, 7);
}

TEST(ReferenceModel, SequenceGoesOnAfterAFailure) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  Sequence sequence;
  Matrix all = expectValue(model->logits(tokens));
  expectValue(
      model->forward(Feed{&sequence, llvm::ArrayRef(tokens).take_front(3)}));
  // A weight that cannot be read stops a run half-way through the layers.
  std::vector<int32_t> wrong{1};
  WeightReader reader;
  WeightSource lost = *model->weights().find("blk.1.ffn_down.weight");
  WeightSource kept = lost;
  lost.file += ".lost";
  model->weights().release(lost.name);
  model->weights().add(lost);
  EXPECT_NE(errorOf(model->forward(Feed{&sequence, wrong})), "");
  model->weights().add(kept);
  Matrix rest = expectValue(
      model->forward(Feed{&sequence, llvm::ArrayRef(tokens).drop_front(3)}));
  EXPECT_LT(largestDifference(rest, rowsOf(all, 3, 4)), 1e-5);
}

TEST(ReferenceModel, WeightsBeyondTheBudgetGiveTheSameBits) {
  TinyModel tiny;
  ReferenceModel::Options nothing;
  nothing.weightBudget = 0;
  EXPECT_EQ(expectValue(tiny.interpreter(nothing)->logits(tokens)).data,
            expectValue(tiny.interpreter()->logits(tokens)).data);
}

TEST(ReferenceModel, EveryThreadCountGivesTheSameBits) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  setThreadCount(1);
  Matrix one = expectValue(model->logits(tokens));
  for (unsigned threads : {2, 5}) {
    setThreadCount(threads);
    EXPECT_EQ(expectValue(model->logits(tokens)).data, one.data);
  }
  setThreadCount(0);
}

TEST(ReferenceModel, ReplacedWeightIsUsedUntilRestored) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  Matrix before = expectValue(model->logits(tokens));
  llvm::StringRef name = "blk.0.ffn_down.weight";
  std::vector<float> values =
      expectValue(tiny.reader.read(*model->weights().find(name)));
  for (float &value : values)
    value *= 1.5f;
  EXPECT_FALSE(bool(model->weights().replace(name, values)));
  EXPECT_GT(largestDifference(expectValue(model->logits(tokens)), before),
            1e-4);
  model->weights().restore(name);
  EXPECT_EQ(expectValue(model->logits(tokens)).data, before.data);
}

TEST(ReferenceModel, ReplacementOfAnotherSizeIsRefused) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  expectPart(llvm::toString(model->weights().replace("blk.0.attn_q.weight",
                                                     std::vector<float>(3))),
             "must have 32 x 32 floats but has 3");
  expectPart(llvm::toString(model->weights().replace("nothing", {})),
             "'nothing' does not exist");
}

TEST(ReferenceModel, HookSeesTheInputOfEveryLinear) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  llvm::StringSet<> seen;
  model->setLinearInputHook([&](mlir::Operation *op, const Matrix &input) {
    EXPECT_EQ(input.rows, 7);
    if (auto linear = llvm::dyn_cast<model::LinearOp>(op)) {
      EXPECT_EQ(input.columns, linear.getWeight().contains("down") ? 48 : 32);
      seen.insert(linear.getWeight());
    } else {
      seen.insert("head");
    }
  });
  expectValue(model->logits(tokens));
  EXPECT_EQ(seen.size(), 2u * 7 + 1);
}

static std::string errorOfModule(llvm::StringRef text) {
  mlir::MLIRContext context;
  context.loadDialect<model::ModelDialect, step::StepDialect,
                      mlir::func::FuncDialect>();
  context.allowUnregisteredDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  WeightReader reader;
  return errorOf(ReferenceModel::create(*module, reader));
}

static const char *config =
    "module attributes {picollm.config = #picollm.config<name = \"t\", "
    "architecture = \"llama\", vocabulary = 4, context_length = 8, layers = 1, "
    "embedding = 4, heads = 1, kv_heads = 1, head_size = 4>} {\n";

TEST(ReferenceModel, ModuleWithoutConfigIsRefused) {
  expectPart(errorOfModule("module {}"), "'picollm.config'");
}

TEST(ReferenceModel, ModuleWithoutForwardIsRefused) {
  expectPart(errorOfModule(std::string(config) + "}"),
             "neither a function @forward");
}

TEST(ReferenceModel, UnknownOpIsRefused) {
  expectPart(
      errorOfModule(std::string(config) +
                    "func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>)"
                    " -> tensor<?x4xf32> {\n"
                    "%0 = \"other.op\"(%t) : (tensor<?xi32>) ->"
                    " tensor<?x4xf32>\nreturn %0 : tensor<?x4xf32>\n}\n}"),
      "does not know the op 'other.op'");
}

TEST(ReferenceModel, ForwardOfAnotherShapeIsRefused) {
  expectPart(errorOfModule(std::string(config) +
                           "func.func private @forward(tensor<?xi32>)\n}"),
             "tokens and positions");
}
