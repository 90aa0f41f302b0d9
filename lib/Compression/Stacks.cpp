//===- Stacks.cpp - matrices that read the same vector --------------------===//

#include "picollm/Compression/Stacks.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/Error.h"

using namespace mlir;
using namespace picollm;

static RankedTensorType typeOf(model::WeightOp weight) {
  return cast<RankedTensorType>(weight.getType());
}

bool Stack::hasRowsOfTokens() const {
  return panels.size() == 1 &&
         (isEmbedding || llvm::any_of(readers, llvm::IsaPred<model::LogitsOp>));
}

int64_t Stack::rows(size_t panel) const {
  return typeOf(panels[panel]).getDimSize(0);
}

int64_t Stack::weights() const {
  int64_t sum = 0;
  for (size_t i = 0; i < panels.size(); ++i)
    sum += rows(i) * columns;
  return sum;
}

/// "blk.0.attn_q.weight", "..k..", "..v.." -> "blk.0.attn_qkv";
/// "blk.0.ffn_gate.weight", "..up.." -> "blk.0.ffn_gate_up".
static std::string nameOfStack(ArrayRef<model::WeightOp> panels) {
  if (panels.size() == 1)
    return model::WeightOp(panels.front()).getSymName().str();
  SmallVector<StringRef> names;
  for (model::WeightOp panel : panels) {
    StringRef name = panel.getSymName();
    name.consume_back(".weight");
    names.push_back(name);
  }
  StringRef prefix =
      names.front().substr(0, names.front().find_last_of("_.") + 1);
  std::string joined = prefix.str();
  bool first = true;
  for (StringRef name : names) {
    StringRef last = name;
    last.consume_front(prefix);
    if (!first && last.size() > 1)
      joined += '_';
    joined += last;
    first = false;
  }
  return joined;
}

static StringAttr weightReadBy(Operation &op) {
  return TypeSwitch<Operation *, StringAttr>(&op)
      .Case<model::LinearOp, model::LogitsOp>(
          [](auto reader) { return reader.getWeightAttr().getAttr(); })
      .Default([](Operation *) { return StringAttr(); });
}

llvm::Expected<std::vector<Stack>> picollm::findStacks(ModuleOp module) {
  auto forward = module.lookupSymbol<func::FuncOp>("forward");
  if (!forward)
    return llvm::createStringError("the module has no function @forward");
  // Values that linears read, in order; an embedding goes by its op.
  std::vector<Stack> stacks;
  llvm::DenseMap<Value, size_t> stackOfInput;
  llvm::DenseMap<StringAttr, size_t> stackOfWeight;
  for (Operation &op : forward.getBody().front()) {
    StringAttr name = weightReadBy(op);
    auto embedding = dyn_cast<model::EmbeddingOp>(op);
    if (embedding)
      name = embedding.getWeightAttr().getAttr();
    if (!name)
      continue;
    auto known = stackOfWeight.find(name);
    if (known != stackOfWeight.end()) {
      Stack &stack = stacks[known->second];
      stack.isEmbedding |= bool(embedding);
      if (!embedding)
        stack.readers.push_back(&op);
      continue;
    }
    size_t index = stacks.size();
    if (!embedding)
      index = stackOfInput.try_emplace(op.getOperand(0), index).first->second;
    if (index == stacks.size())
      stacks.emplace_back();
    Stack &stack = stacks[index];
    auto weight = module.lookupSymbol<model::WeightOp>(name);
    stack.panels.push_back(weight);
    stack.columns = typeOf(weight).getDimSize(1);
    stack.isEmbedding = bool(embedding);
    if (!embedding)
      stack.readers.push_back(&op);
    stackOfWeight[name] = index;
  }
  for (Stack &stack : stacks)
    stack.name = nameOfStack(stack.panels);
  return stacks;
}

llvm::Expected<const Stack &> picollm::findStackOf(const LinearInput &input,
                                                   ArrayRef<Stack> stacks) {
  auto stack = llvm::find_if(stacks, [&](const Stack &stack) {
    return llvm::is_contained(stack.readers, input.linears.front());
  });
  if (stack == stacks.end())
    return llvm::createStringError("no stack reads the input of '" +
                                   input.weights.front() + "'");
  return *stack;
}

std::vector<model::WeightOp> picollm::otherWeights(ModuleOp module,
                                                   ArrayRef<Stack> stacks) {
  llvm::StringSet<> held;
  for (const Stack &stack : stacks)
    for (model::WeightOp panel : stack.panels)
      held.insert(panel.getSymName());
  std::vector<model::WeightOp> others;
  for (auto weight : module.getOps<model::WeightOp>())
    if (!held.contains(weight.getSymName()))
      others.push_back(weight);
  return others;
}
