//===- LevelsTest.cpp - layout and step level compute the same ------------===//

#include "PicoLLM/Layout/LayoutDialect.h"
#include "PicoLLM/Step/Step.h"
#include "RandomMatrix.h"
#include "TinyModel.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;

static const char *body = R"(
  func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
    %0 = picollm_layout.embedding @embd(%tokens) : (tensor<?xi32>) -> tensor<?x16xf32>
    %1 = picollm.rms_norm %0, @norm epsilon 1.0e-05 : tensor<?x16xf32>
    %2 = picollm_layout.encode %1 for @qkv : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [table4_i8 x 16]>
    %3:3 = picollm_layout.linear %2, @qkv : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %4 = picollm.rotary %3#0, %positions heads 2 rotation #rotation : tensor<?x16xf32>, tensor<?xi32>
    %5 = picollm.rotary %3#1, %positions heads 1 rotation #rotation : tensor<?x8xf32>, tensor<?xi32>
    %6 = picollm.attention %4, %5, %3#2, %positions layer 0 heads 2 kv_heads 1 scale 3.5e-01 : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    %7 = picollm_layout.encode %6 for @o : tensor<?x16xf32> -> <[table4_i8 x 16]>
    %8 = picollm_layout.linear %7, @o : <[table4_i8 x 16]> -> tensor<?x16xf32>
    %9 = picollm.add %0, %8 : tensor<?x16xf32>
    %10 = picollm.rms_norm %9, @norm epsilon 1.0e-05 : tensor<?x16xf32>
    %11 = picollm_layout.encode %10 for @gate_up : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
    %12:2 = picollm_layout.linear %11, @gate_up : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x24xf32>, tensor<?x24xf32>
    %13 = picollm.gated GATE %12#0, %12#1 : tensor<?x24xf32>
    %14 = picollm_layout.encode %13 for @down : tensor<?x24xf32> -> <[f32 x 8, table4_i8 x 16]>
    %15 = picollm_layout.linear %14, @down : <[f32 x 8, table4_i8 x 16]> -> tensor<?x16xf32>
    %16 = picollm.add %9, %15 : tensor<?x16xf32>
    %17 = picollm.rms_norm %16, @norm epsilon 1.0e-05 : tensor<?x16xf32>
    %18 = picollm.wanted %17 : tensor<?x16xf32>
    %19 = picollm_layout.encode %18 for @embd : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16]>
    %20 = picollm_layout.linear %19, @embd : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16]> -> tensor<?x32xf32>
    return %20 : tensor<?x32xf32>
  }
})";

// What Gemma 3 has beside that: a scaled embedding, norms of heads, a window,
// norms of what is added.
static const char *sandwichBody = R"(
  func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
    %0 = picollm_layout.embedding @embd(%tokens) scale 4.5 : (tensor<?xi32>) -> tensor<?x16xf32>
    %1 = picollm.rms_norm %0, @norm epsilon 1.0e-05 : tensor<?x16xf32>
    %2 = picollm_layout.encode %1 for @qkv : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [table4_i8 x 16]>
    %3:3 = picollm_layout.linear %2, @qkv : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %qn = picollm.rms_norm %3#0, @head_norm epsilon 1.0e-06 heads 2 : tensor<?x16xf32>
    %kn = picollm.rms_norm %3#1, @head_norm epsilon 1.0e-06 heads 1 : tensor<?x8xf32>
    %4 = picollm.rotary %qn, %positions heads 2 rotation #rotation : tensor<?x16xf32>, tensor<?xi32>
    %5 = picollm.rotary %kn, %positions heads 1 rotation #rotation : tensor<?x8xf32>, tensor<?xi32>
    %6 = picollm.attention %4, %5, %3#2, %positions layer 0 heads 2 kv_heads 1 scale 3.5e-01 window 3 : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    %7 = picollm_layout.encode %6 for @o : tensor<?x16xf32> -> <[table4_i8 x 16]>
    %8 = picollm_layout.linear %7, @o : <[table4_i8 x 16]> -> tensor<?x16xf32>
    %n8 = picollm.rms_norm %8, @norm epsilon 1.0e-05 : tensor<?x16xf32>
    %9 = picollm.add %0, %n8 : tensor<?x16xf32>
    %17 = picollm.rms_norm %9, @norm epsilon 1.0e-05 : tensor<?x16xf32>
    %18 = picollm.wanted %17 : tensor<?x16xf32>
    %19 = picollm_layout.encode %18 for @embd : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16]>
    %20 = picollm_layout.linear %19, @embd : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16]> -> tensor<?x32xf32>
    return %20 : tensor<?x32xf32>
  }
})";

namespace {
class Levels : public testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<128> name;
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("levels", "weights", name));
    path = name.str().str();
    context.loadDialect<model::ModelDialect, layout::LayoutDialect,
                        step::StepDialect, mlir::func::FuncDialect>();
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  /// One layer with every encoding; its weight file is written anew.
  mlir::OwningOpRef<mlir::ModuleOp> parseModel(llvm::StringRef gate,
                                               const char *body = ::body);
  /// The step level has to give the very bits.
  void expectEqualLevels(mlir::ModuleOp module);

  std::string path;
  mlir::MLIRContext context;
  WeightReader reader;
};
} // namespace

mlir::OwningOpRef<mlir::ModuleOp> Levels::parseModel(llvm::StringRef gate,
                                                     const char *body) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "#rotation = #picollm.rotation<frequencies = [1.0, 0.25, 0.0625, "
        "0.015625], scale = 1.0 : f64>\n"
        "module attributes {picollm.config = #picollm.config<name = \"t\", "
        "architecture = \"llama\", vocabulary = 32, context_length = 64, "
        "layers = 1, embedding = 16, heads = 2, kv_heads = 1, "
        "head_size = 8>} {\n";
  auto writer = expectValue(WeightFileWriter::create(path));
  std::vector<float> norm(16);
  for (size_t i = 0; i < norm.size(); ++i)
    norm[i] = 0.5f + 0.1f * i;
  os << "picollm.weight @norm : tensor<16xf32> <file = \"" << path
     << "\", offset = " << expectValue(writer->appendFloats(norm))
     << ", size = 64, encoding = \"f32\", hash = \"\">\n"
     << "picollm.weight @head_norm : tensor<8xf32> <file = \"" << path
     << "\", offset = "
     << expectValue(writer->appendFloats(llvm::ArrayRef(norm).take_back(8)))
     << ", size = 32, encoding = \"f32\", hash = \"\">\n";
  auto matrix = [&](llvm::StringRef name, llvm::StringRef type, int64_t columns,
                    std::vector<Panel> panels) {
    QuantizedMatrix values =
        randomMatrix(columns, std::move(panels), name.size());
    os << "picollm_layout.weight @" << name << " : !picollm_layout.matrix<"
       << type << "> <file = \"" << path
       << "\", offset = " << expectValue(writer->appendMatrix(values))
       << ", size = " << matrixBytes(values.layout)
       << ", encoding = \"packed\", hash = \"\"> sources [";
    // The rows of the embedding are split over two panels.
    for (size_t p = 0; p < values.layout.panels.size(); ++p)
      os << (p ? ", " : "") << '"' << name << (name == "embd" ? 0 : p) << '"';
    os << "]\n";
  };
  matrix("embd", "16, [20: 8x8, 3x8], [12: 4x16]", 16,
         {{20, {{8, 8}, {3, 8}}}, {12, {{4, 16}}}});
  matrix("qkv", "16, [16: 8x8, 4x8], [8: 4x16], [8: 3x16]", 16,
         {{16, {{8, 8}, {4, 8}}}, {8, {{4, 16}}}, {8, {{3, 16}}}});
  matrix("o", "16, [16: 4x16]", 16, {{16, {{4, 16}}}});
  matrix("gate_up", "16, [24: 2x16], [24: 3x16]", 16,
         {{24, {{2, 16}}}, {24, {{3, 16}}}});
  matrix("down", "24, [16: 16x8, 2x16]", 24, {{16, {{16, 8}, {2, 16}}}});
  expectValue(writer->finish());
  llvm::StringRef before, after;
  std::tie(before, after) = llvm::StringRef(body).split("GATE");
  os << before << gate << after;
  return mlir::parseSourceString<mlir::ModuleOp>(text, &context);
}

void Levels::expectEqualLevels(mlir::ModuleOp module) {
  std::vector<int32_t> tokens{3, 31, 0, 8, 8, 21};
  auto layout = expectValue(ReferenceModel::create(module, reader));
  Matrix all = expectValue(layout->logits(tokens));
  Matrix wanted = expectValue(layout->logits(tokens, 4));
  Matrix other = expectValue(layout->logits({1, 2, 3}));
  EXPECT_GT(largestDifference(rowsOf(all, 0, 3), other), 1e-2);

  mlir::PassManager passes(&context);
  passes.addPass(createConvertLayoutToStep());
  passes.addPass(createInsertBarriers());
  passes.addPass(createAssignBuffers());
  ASSERT_TRUE(mlir::succeeded(passes.run(module)));
  ASSERT_FALSE(module.lookupSymbol("forward"));
  auto step = expectValue(ReferenceModel::create(module, reader));
  EXPECT_EQ(expectValue(step->logits(tokens)).data, all.data);
  EXPECT_EQ(expectValue(step->logits(tokens, 4)).data, wanted.data);
}

TEST_F(Levels, StepGivesTheBitsOfTheLayoutLevel) {
  for (llvm::StringRef gate : {"silu", "gelu_tanh"}) {
    SCOPED_TRACE(gate.str());
    auto module = parseModel(gate);
    ASSERT_TRUE(module);
    expectEqualLevels(*module);
  }
}

TEST_F(Levels, StepGivesTheBitsOfNormsOnBothSidesAndAWindow) {
  auto module = parseModel("", sandwichBody);
  ASSERT_TRUE(module);
  expectEqualLevels(*module);
}

TEST_F(Levels, StepTokenByTokenEqualsAllAtOnce) {
  std::vector<int32_t> tokens{3, 31, 0, 8, 8, 21};
  auto module = parseModel("silu");
  mlir::PassManager passes(&context);
  passes.addPass(createConvertLayoutToStep());
  ASSERT_TRUE(mlir::succeeded(passes.run(*module)));
  auto model = expectValue(ReferenceModel::create(*module, reader));
  Matrix all = expectValue(model->logits(tokens));
  Sequence sequence;
  double largest = 0;
  for (float value : all.data)
    largest = std::max<double>(largest, std::fabs(value));
  for (size_t t = 0; t < tokens.size(); ++t) {
    Matrix row = expectValue(
        model->forward(Feed{&sequence, llvm::ArrayRef(tokens).slice(t, 1)}));
    // Attention sums in another order, and a rounding may tip a code.
    EXPECT_LT(largestDifference(row, rowsOf(all, t, 1)), 0.02 * largest);
  }
}

TEST_F(Levels, TruncatedWeightFileIsAnError) {
  auto module = parseModel("silu");
  int fd;
  ASSERT_FALSE(llvm::sys::fs::openFileForReadWrite(
      path, fd, llvm::sys::fs::CD_OpenExisting, llvm::sys::fs::OF_None));
  ASSERT_FALSE(llvm::sys::fs::resize_file(fd, 4200));
  llvm::sys::fs::file_t file = llvm::sys::fs::convertFDToNativeFile(fd);
  llvm::sys::fs::closeFile(file);
  auto model = expectValue(ReferenceModel::create(*module, reader));
  EXPECT_NE(errorOf(model->logits({1})).find(path), std::string::npos);
}
