//===- AllocateBits.cpp - the width of every block of columns -------------===//

#include "StackWeights.h"
#include "mlir/IR/Builders.h"
#include "picollm/Compression/LossFile.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Quantization/AllocationFile.h"
#include "picollm/Quantization/RowPanels.h"
#include "picollm/weight_file.h"
#include <numeric>

namespace picollm {
#define GEN_PASS_DEF_ALLOCATEBITS
#include "picollm/Compression/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

struct AllocateBits : picollm::impl::AllocateBitsBase<AllocateBits> {
  using picollm::impl::AllocateBitsBase<AllocateBits>::AllocateBitsBase;

  void runOnOperation() override {
    if (llvm::Error error = allocate(getOperation())) {
      getOperation().emitError() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

  llvm::Error allocate(ModuleOp module);
  llvm::Expected<Allocation> choose(ModuleOp module,
                                    llvm::ArrayRef<Stack> stacks);
  StackAllocation chooseUniform(const Stack &stack, WeightReader &reader) const;
  bool isUniform() const { return half || uniform > 0; }
  llvm::Expected<Allocation> chooseByLosses(ModuleOp module,
                                            llvm::ArrayRef<Stack> stacks,
                                            llvm::ArrayRef<LossTable> tables);
};

} // namespace

/// Header and norms: what has no width to choose.
static int64_t fixedBytes(ModuleOp module, llvm::ArrayRef<Stack> stacks) {
  int64_t bytes = PICOLLM_WEIGHT_FILE_HEADER_BYTES;
  for (model::WeightOp weight : otherWeights(module, stacks))
    bytes += weightFileFloatBytes(
        cast<RankedTensorType>(weight.getType()).getNumElements());
  return bytes;
}

/// The tables of the stacks, in their order.
static llvm::Expected<std::vector<LossTable>>
tablesOf(llvm::ArrayRef<Stack> stacks, llvm::StringRef path) {
  auto file = LossFile::read(path);
  if (!file)
    return file.takeError();
  std::vector<LossTable> tables;
  for (const Stack &stack : stacks) {
    const LossTable *table = file->find(stack.name);
    if (!table)
      return llvm::createStringError(path + ": has no losses of '" +
                                     stack.name + "'");
    tables.push_back(*table);
  }
  return tables;
}

/// The width of an embedding or a head whose linear layers have one width.
static constexpr int64_t rowsOfTokensBits = 8;

/// One width for all columns, whose order is not for the plan to say.
StackAllocation AllocateBits::chooseUniform(const Stack &stack,
                                            WeightReader &reader) const {
  WeightStack weights = weightsOf(stack, reader);
  StackAllocation result =
      half ? uniformAllocation(weights, 16)
           : uniformAllocation(
                 weights, stack.hasRowsOfTokens() ? rowsOfTokensBits : uniform,
                 blockColumns);
  result.order.clear();
  return result;
}

llvm::Expected<Allocation> AllocateBits::choose(ModuleOp module,
                                                llvm::ArrayRef<Stack> stacks) {
  if (isUniform()) {
    Allocation result;
    WeightReader reader;
    for (const Stack &stack : stacks)
      result.stacks.push_back(chooseUniform(stack, reader));
    return result;
  }
  auto tables = tablesOf(stacks, losses);
  if (!tables)
    return tables.takeError();
  auto result = chooseByLosses(module, stacks, *tables);
  if (!result)
    return result.takeError();
  // The IR has an order only where it is not that of the file.
  for (auto [stack, table] : llvm::zip_equal(result->stacks, *tables))
    if (stack.order == table.order)
      stack.order.clear();
  return result;
}

llvm::Expected<Allocation>
AllocateBits::chooseByLosses(ModuleOp module, llvm::ArrayRef<Stack> stacks,
                             llvm::ArrayRef<LossTable> tables) {
  int64_t fixed = fixedBytes(module, stacks);
  if (!allocation.empty()) {
    auto report = readAllocation(allocation);
    if (!report)
      return report.takeError();
    return applyReport(*report, tables, fixed);
  }
  int64_t weights = 0;
  for (const Stack &stack : stacks)
    weights += stack.weights();
  FileBudget budget = FileBudget::ofBits(bits, weights, fixed);
  if (size > 0)
    budget.fileBytes = size;
  return allocateBits(tables, budget);
}

/// Null for an empty order.
static DenseI32ArrayAttr orderAttr(Builder &builder,
                                   llvm::ArrayRef<uint32_t> order) {
  if (order.empty())
    return {};
  return builder.getDenseI32ArrayAttr(
      llvm::SmallVector<int32_t>(order.begin(), order.end()));
}

static DictionaryAttr toAttribute(Builder &builder,
                                  const Optimality &optimality) {
  auto named = [&](llvm::StringRef name, double value) {
    return builder.getNamedAttr(name, builder.getF64FloatAttr(value));
  };
  return builder.getDictionaryAttr(
      {named("loss", optimality.loss), named("bound", optimality.bound),
       named("multiplier", optimality.multiplier)});
}

llvm::Error AllocateBits::allocate(ModuleOp module) {
  if (uniform < 0 || uniform > 8)
    return llvm::createStringError(
        "a uniform width of %lld bits, expected 1..8",
        static_cast<long long>(uniform));
  auto stacks = findStacks(module);
  if (!stacks)
    return stacks.takeError();
  auto chosen = choose(module, *stacks);
  if (!chosen)
    return chosen.takeError();
  // Uniform widths have no file of losses, and so of orders.
  std::string orderFile = isUniform() ? std::string("-") : losses;
  OpBuilder builder(&getContext());
  builder.setInsertionPoint(module.lookupSymbol("forward"));
  WeightReader reader;
  for (auto [stack, widths] : llvm::zip_equal(*stacks, chosen->stacks)) {
    auto type = layout::MatrixType::get(&getContext(), widths.layout);
    auto ref = model::WeightRefAttr::get(
        &getContext(), orderFile, 0, matrixBytes(widths.layout), "planned", "");
    auto cut =
        cutIntoPanels(weightsOf(stack, reader), widths.layout.panelRows());
    if (!cut)
      return cut.takeError();
    llvm::SmallVector<StringRef> sources;
    for (const StackPanel &panel : cut->panels)
      sources.push_back(panel.name);
    auto matrix = layout::MatrixOp::create(
        builder, stack.panels.front().getLoc(), "packed." + stack.name, type,
        ref, builder.getStrArrayAttr(sources),
        orderAttr(builder, widths.order));
    // For the report; nothing reads it to compile.
    double loss =
        std::accumulate(widths.losses.begin(), widths.losses.end(), 0.0);
    matrix->setAttr("loss", builder.getF64FloatAttr(loss));
  }
  if (chosen->optimality)
    module->setAttr(optimalityAttribute,
                    toAttribute(builder, *chosen->optimality));
  return llvm::Error::success();
}
