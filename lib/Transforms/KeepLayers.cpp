//===- KeepLayers.cpp - the first layers of a model -----------------------===//

#include "PicoLLM/Model/Model.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

namespace picollm {
#define GEN_PASS_DEF_KEEPLAYERS
#include "picollm/Transforms/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

/// Ops from `first` on need a single value of those before them.
struct Cut {
  size_t first = 0;
  Value value;
};

struct KeepLayers : picollm::impl::KeepLayersBase<KeepLayers> {
  using picollm::impl::KeepLayersBase<KeepLayers>::KeepLayersBase;

  void runOnOperation() override {
    if (failed(keep(getOperation())))
      signalPassFailure();
  }

  LogicalResult keep(ModuleOp module);
};

} // namespace

/// Where the residual stream is all that is alive, once between two products.
static SmallVector<Cut> findCuts(ArrayRef<Operation *> ops) {
  DenseMap<Value, size_t> lastUse;
  for (auto [index, op] : llvm::enumerate(ops))
    for (Value operand : op->getOperands())
      lastUse[operand] = index;
  SmallVector<Cut> cuts;
  llvm::SetVector<Value> alive;
  bool hasProduct = true;
  for (size_t i = 0; i < ops.size(); ++i) {
    alive.remove_if([&](Value value) { return lastUse.lookup(value) < i; });
    if (alive.size() == 1 && hasProduct) {
      cuts.push_back({i, alive.front()});
      hasProduct = false;
    }
    alive.insert(ops[i]->result_begin(), ops[i]->result_end());
    hasProduct |= isa<model::LinearOp>(ops[i]);
  }
  return cuts;
}

/// Weights that no op of the function reads any more.
static void eraseUnused(ModuleOp module, func::FuncOp forward) {
  llvm::StringSet<> used;
  forward.walk([&](Operation *op) {
    if (auto weight = op->getAttrOfType<FlatSymbolRefAttr>("weight"))
      used.insert(weight.getValue());
  });
  for (auto weight :
       llvm::make_early_inc_range(module.getOps<model::WeightOp>()))
    if (!used.contains(weight.getSymName()))
      weight.erase();
}

LogicalResult KeepLayers::keep(ModuleOp module) {
  auto config = module->getAttrOfType<model::ConfigAttr>("picollm.config");
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  if (!config || !forward)
    return module.emitError("is no model of the picollm dialect");
  if (layers < 1 || layers > config.getLayers())
    return module.emitError("has ")
           << config.getLayers() << " layers; of these from 1 to "
           << config.getLayers() << " can be kept, not " << layers.getValue();
  if (layers == config.getLayers())
    return success();
  SmallVector<Operation *> ops;
  for (Operation &op : forward.getBody().front())
    ops.push_back(&op);
  SmallVector<Cut> cuts = findCuts(ops);
  auto next = llvm::find_if(ops, [&](Operation *op) {
    auto attention = dyn_cast<model::AttentionOp>(op);
    return attention && int64_t(attention.getLayer()) == layers;
  });
  // The last cut before the attention of the first layer that goes.
  const Cut *from = nullptr;
  for (const Cut &cut : cuts)
    if (cut.first <= size_t(next - ops.begin()))
      from = &cut;
  if (next == ops.end() || !from)
    return module.emitError("has no residual stream between its layers");
  const Cut &head = cuts.back();
  Value kept = from->value;
  Value(head.value).replaceUsesWithIf(kept, [&](OpOperand &use) {
    return llvm::is_contained(ArrayRef(ops).drop_front(head.first),
                              use.getOwner());
  });
  for (size_t i = head.first; i-- > from->first;)
    ops[i]->erase();
  eraseUnused(module, forward);
  module->setAttr("picollm.config",
                  model::ConfigAttr::get(
                      &getContext(), config.getName(), config.getArchitecture(),
                      config.getVocabulary(), config.getContextLength(), layers,
                      config.getEmbedding(), config.getHeads(),
                      config.getKvHeads(), config.getHeadSize()));
  return success();
}
