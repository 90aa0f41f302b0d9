//===- Manifest.cpp - the small files of an output folder -----------------===//

#include "Manifest.h"
#include "PicoLLM/Layout/LayoutDialect.h"
#include "PicoLLM/Model/Model.h"
#include "picollm/Compression/PackedModel.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Support/ReadFile.h"
#include "picollm/Support/WriteFile.h"
#include "picollm/abi.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>

using namespace mlir;
using namespace picollm;

static std::optional<Optimality> optimalityOf(ModuleOp module) {
  auto values = module->getAttrOfType<DictionaryAttr>(optimalityAttribute);
  if (!values)
    return std::nullopt;
  auto number = [&](llvm::StringRef name) {
    auto value = values.getAs<FloatAttr>(name);
    return value ? value.getValueAsDouble() : 0.0;
  };
  return Optimality{number("loss"), number("bound"), number("multiplier")};
}

static std::string stackNameOf(layout::MatrixOp matrix) {
  llvm::StringRef name = matrix.getSymName();
  name.consume_front("packed.");
  return name.str();
}

AllocationReport picollm::reportOf(ModuleOp module) {
  AllocationReport report;
  if (auto scheme = module->getAttrOfType<StringAttr>(schemeAttribute))
    report.scheme = scheme.getValue().str();
  if (auto bytes = module->getAttrOfType<IntegerAttr>("picollm.weights_bytes"))
    report.fileBytes = bytes.getInt();
  report.optimality = optimalityOf(module);
  for (auto matrix : module.getOps<layout::MatrixOp>()) {
    MatrixAllocation &entry = report.matrices.emplace_back();
    entry.name = stackNameOf(matrix);
    entry.stack.layout = cast<layout::MatrixType>(matrix.getType()).getLayout();
    if (auto loss = matrix->getAttrOfType<FloatAttr>("loss"))
      entry.loss = loss.getValueAsDouble();
    for (auto source : matrix.getSources().getAsRange<StringAttr>())
      entry.sources.push_back(source.str());
    report.weights += entry.stack.layout.rows() * entry.stack.layout.columns;
  }
  return report;
}

llvm::StringMap<std::vector<uint32_t>> picollm::plannedOrders(ModuleOp module) {
  llvm::StringMap<std::vector<uint32_t>> orders;
  for (auto matrix : module.getOps<layout::MatrixOp>())
    if (auto order = matrix.getOrder())
      orders[stackNameOf(matrix)].assign(order->begin(), order->end());
  return orders;
}

int64_t picollm::packedNormBytes(ModuleOp module) {
  llvm::StringSet<> sources;
  for (auto matrix : module.getOps<layout::MatrixOp>())
    for (auto source : matrix.getSources().getAsValueRange<StringAttr>())
      sources.insert(source);
  int64_t bytes = 0;
  for (auto weight : module.getOps<model::WeightOp>())
    if (!sources.contains(weight.getSymName()))
      bytes += weightFileFloatBytes(
          cast<RankedTensorType>(weight.getType()).getNumElements());
  return bytes;
}

static llvm::Expected<std::string> sha256OfFile(llvm::StringRef path) {
  auto buffer = readFile(path);
  if (!buffer)
    return buffer.takeError();
  auto digest =
      llvm::SHA256::hash(llvm::arrayRefFromStringRef((*buffer)->getBuffer()));
  return llvm::toHex(digest, /*LowerCase=*/true);
}

llvm::Error picollm::writeManifest(const ModelIdentity &model,
                                   const AllocationReport &report,
                                   const TargetDescription &target,
                                   llvm::ArrayRef<std::string> files,
                                   llvm::StringRef path) {
  nlohmann::ordered_json manifest;
  manifest["format"] = "picollm compiled model";
  manifest["abi_version"] = PICOLLM_ABI_VERSION;
  manifest["name"] = model.name;
  manifest["model"] = model.source;
  manifest["scheme"] = model.scheme;
  manifest["weights"] = report.weights;
  manifest["bits_per_weight"] = report.bitsPerWeight();
  manifest["build_id"] = model.buildId;
  manifest["weights_sha256"] = model.weightsSha256;
  manifest["chat"] =
      model.chatRefusal.empty() ? "supported" : model.chatRefusal;
  manifest["kv_cache"] = nameOf(model.kvCache);
  manifest["target"] = target.triple;
  for (InstructionSet isa : target.instructionSets)
    manifest["variants"].push_back(
        {{"instruction_set", nameOf(isa).str()},
         {"cpu_features", target.requiredFeatures(isa)}});
  for (const std::string &file : files) {
    auto digest = sha256OfFile(file);
    if (!digest)
      return digest.takeError();
    manifest["sha256"][llvm::sys::path::filename(file).str()] = *digest;
  }
  // File names are bytes; JSON wants UTF-8.
  std::string text = manifest.dump(
      2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return writeFile(path, text + "\n");
}
