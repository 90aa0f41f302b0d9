//===- ConvertStepToLLVM.cpp - the pass of that name ----------------------===//

#include "picollm/Conversion/Passes.h"

#include "ModelStruct.h"
#include "StepFunction.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Attention/Attention.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Conversion/Schedule.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Triple.h"

namespace picollm {
#define GEN_PASS_DEF_CONVERTSTEPTOLLVM
#include "picollm/Conversion/Passes.h.inc"
} // namespace picollm

using namespace picollm;
using namespace mlir;

namespace {

class ConvertStepToLLVM
    : public picollm::impl::ConvertStepToLLVMBase<ConvertStepToLLVM> {
public:
  using Base::Base;

private:
  void runOnOperation() override {
    if (failed(readAttributes()) ||
        failed(setSchedules(getOperation(), schedule)) || failed(emitSteps()))
      return signalPassFailure();
    eraseProgram();
    OpPassManager conversions(ModuleOp::getOperationName());
    addConversionsToLLVM(conversions);
    if (failed(runPipeline(conversions, getOperation())))
      return signalPassFailure();
    setFunctionAttributes(getOperation());
    emitModelStruct(getOperation(), model);
  }

  LogicalResult readAttributes();
  LogicalResult emitSteps();
  FailureOr<AttentionObjects> attentionObjects(step::ProgramOp program,
                                               const AttentionTarget &target);
  void eraseProgram();

  model::ConfigAttr config;
  ModelStruct model;
};

} // namespace

LogicalResult ConvertStepToLLVM::readAttributes() {
  ModuleOp module = getOperation();
  config = module->getAttrOfType<model::ConfigAttr>("picollm.config");
  auto id = module->getAttrOfType<StringAttr>("picollm.build_id");
  auto bytes = module->getAttrOfType<IntegerAttr>("picollm.weights_bytes");
  if (!config || !id || !bytes)
    return module.emitError("module lacks picollm.config, picollm.build_id or "
                            "picollm.weights_bytes: run the pack stage first");
  std::string binary;
  if (id.getValue().size() != 2 * model.buildId.size() ||
      !llvm::tryGetFromHex(id.getValue(), binary))
    return module.emitError("picollm.build_id is '")
           << id.getValue() << "', expected 32 hexadecimal digits";
  std::copy(binary.begin(), binary.end(), model.buildId.begin());
  model.name = config.getName().str();
  model.architecture = config.getArchitecture().str();
  model.weightsBytes = bytes.getInt();
  model.vocabulary = config.getVocabulary();
  model.context = config.getContextLength();
  model.layers = config.getLayers();
  model.embedding = config.getEmbedding();
  model.kvHeads = config.getKvHeads();
  model.headSize = config.getHeadSize();
  return success();
}

/// Of every window that the program's layers have.
FailureOr<AttentionObjects>
ConvertStepToLLVM::attentionObjects(step::ProgramOp program,
                                    const AttentionTarget &target) {
  AttentionShape shape{config.getHeadSize(),
                       config.getHeads() / config.getKvHeads()};
  AttentionObjects objects;
  for (auto op : program.getBody().getOps<step::AttentionOp>()) {
    shape.window = op.getWindow().value_or(0);
    KVCacheType cache = op.cachesCodes() ? KVCacheType::I8 : KVCacheType::F16;
    if (!objects.empty() && cache != shape.cache)
      return op.emitError("has another type of KV cache than the attention "
                          "before it");
    shape.cache = cache;
    AttentionObject &object = objects[shape.window];
    if (!object.function.empty())
      continue;
    auto function = attentionFunctionName(shape, target);
    if (!function)
      return getOperation().emitError(llvm::toString(function.takeError()));
    object = {std::move(*function), shape};
    model.scratchBytesPerThread = 4 * attentionWorkspaceFloats(shape);
    model.scratchBytesShared =
        std::max(model.scratchBytesShared,
                 sharedAttentionBytes(shape, config.getKvHeads()));
  }
  model.kvBytesPerPosition = 2 * config.getLayers() * config.getKvHeads() *
                             kvRowBytes(shape.cache, shape.headSize);
  return objects;
}

LogicalResult ConvertStepToLLVM::emitSteps() {
  ModuleOp module = getOperation();
  auto programs = llvm::to_vector(module.getOps<step::ProgramOp>());
  if (programs.size() != 1)
    return module.emitError("module has ")
           << programs.size() << " step programs, expected one";
  model.scratchBytesPerToken =
      programs[0].getScratchBytesPerToken().value_or(0);
  if (instructionSets.empty())
    return module.emitError(
        "no instruction set was chosen: set the option isa");
  if (config.getKvHeads() <= 0 || config.getHeads() % config.getKvHeads())
    return module.emitError(
        "heads are no multiple of KV heads in picollm.config");
  for (const std::string &name : instructionSets) {
    std::optional<InstructionSet> isa = instructionSetByName(name);
    if (!isa)
      return module.emitError("instruction set '")
             << name << "' is unknown, expected one of "
             << namesOfInstructionSets();
    StringRef architecture = architectureOf(*isa);
    if (!architecture.empty() &&
        llvm::Triple(triple).getArchName() != architecture)
      return module.emitError("instruction set '")
             << name << "' is one of " << architecture << ", not of '" << triple
             << "': set the option triple";
    std::vector<std::string> needed;
    for (StringRef feature : featuresOf(*isa))
      needed.push_back(feature.str());
    for (StringRef feature : llvm::split(features, ','))
      if (!feature.empty() && !llvm::is_contained(needed, feature))
        needed.push_back(feature.str());
    std::string featureList = llvm::join(needed, ",");
    auto attention = attentionObjects(programs[0], {triple, featureList});
    if (failed(attention))
      return failure();
    auto step = emitStepFunction(programs[0], config, *isa, *attention);
    if (failed(step))
      return failure();
    model.variants.push_back({featureList, step->getName().str()});
  }
  return success();
}

/// The program and the weights have become code and offsets.
void ConvertStepToLLVM::eraseProgram() {
  for (Operation &op : llvm::make_early_inc_range(*getOperation().getBody()))
    if (isa<step::ProgramOp, layout::MatrixOp, model::WeightOp>(op))
      op.erase();
  SmallVector<StringRef> names;
  for (NamedAttribute attribute : getOperation()->getAttrs())
    if (attribute.getName().strref().starts_with("picollm."))
      names.push_back(attribute.getName().strref());
  for (StringRef name : names)
    getOperation()->removeAttr(name);
}
