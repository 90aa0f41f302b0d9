//===- Pack.cpp - codes to the weight file --------------------------------===//

#include "mlir/IR/Builders.h"
#include "picollm/Compression/CodeFile.h"
#include "picollm/Compression/Passes.h"
#include "picollm/Import/Importer.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Support/Progress.h"
#include "picollm/Support/ReadFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"

namespace picollm {
#define GEN_PASS_DEF_PACK
#include "picollm/Compression/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

struct Pack : picollm::impl::PackBase<Pack> {
  using picollm::impl::PackBase<Pack>::PackBase;

  void runOnOperation() override {
    if (llvm::Error error = pack(getOperation())) {
      getOperation().emitError() << llvm::toString(std::move(error));
      signalPassFailure();
    }
  }

  llvm::Error pack(ModuleOp module);
  llvm::Error packMatrices(ModuleOp module, WeightFileWriter &writer);
  llvm::Error packVectors(ModuleOp module, WeightFileWriter &writer);
  model::WeightRefAttr refTo(int64_t offset, int64_t bytes,
                             StringRef encoding) {
    // The name alone: IR and weight file are kept in one folder, which moves.
    return model::WeightRefAttr::get(&getContext(),
                                     llvm::sys::path::filename(weights), offset,
                                     bytes, encoding, "");
  }
};

} // namespace

llvm::Error Pack::packMatrices(ModuleOp module, WeightFileWriter &writer) {
  auto matrices = llvm::to_vector(module.getOps<layout::MatrixOp>());
  if (matrices.empty())
    return llvm::createStringError(
        "the module has no quantised matrices; run picollm-quantize first");
  StringRef codes = matrices.front().getRef().getFile();
  auto buffer = readFile(codes);
  if (!buffer)
    return buffer.takeError();
  Progress progress("pack", matrices.size(), "matrices");
  int64_t done = 0;
  for (layout::MatrixOp matrix : matrices) {
    model::WeightRefAttr ref = matrix.getRef();
    if (ref.getEncoding() != "codes" || ref.getFile() != codes)
      return llvm::createStringError("'" + matrix.getSymName() +
                                     "' is not quantised; run "
                                     "picollm-quantize first");
    MatrixLayout layout =
        cast<layout::MatrixType>(matrix.getType()).getLayout();
    auto values = readCodes((*buffer)->getBuffer(), ref.getOffset(), layout);
    if (!values)
      return values.takeError();
    auto offset = writer.appendMatrix(*values);
    if (!offset)
      return offset.takeError();
    matrix.setRefAttr(refTo(*offset, matrixBytes(layout), "packed"));
    progress.update(++done);
  }
  return llvm::Error::success();
}

/// Norms: every weight that is not a source of a matrix.
llvm::Error Pack::packVectors(ModuleOp module, WeightFileWriter &writer) {
  llvm::StringSet<> sources;
  for (auto matrix : module.getOps<layout::MatrixOp>())
    for (auto source : matrix.getSources().getAsValueRange<StringAttr>())
      sources.insert(source);
  WeightReader reader;
  for (auto weight : module.getOps<model::WeightOp>()) {
    if (sources.contains(weight.getSymName()))
      continue;
    auto values = reader.read(toWeightSource(weight));
    if (!values)
      return values.takeError();
    auto offset = writer.appendFloats(*values);
    if (!offset)
      return offset.takeError();
    weight.setRefAttr(refTo(*offset, 4 * values->size(), "f32"));
    weight.removeInterleavedHeadsAttr();
    weight.removePlusAttr();
  }
  return llvm::Error::success();
}

llvm::Error Pack::pack(ModuleOp module) {
  auto writer = WeightFileWriter::create(weights);
  if (!writer)
    return writer.takeError();
  if (llvm::Error error = packMatrices(module, **writer))
    return error;
  if (llvm::Error error = packVectors(module, **writer))
    return error;
  auto identity = (*writer)->finish();
  if (!identity)
    return identity.takeError();
  Builder builder(&getContext());
  module->setAttr("picollm.build_id",
                  builder.getStringAttr(
                      llvm::toHex(identity->buildId, /*LowerCase=*/true)));
  module->setAttr("picollm.weights_bytes",
                  builder.getI64IntegerAttr(identity->fileBytes));
  return llvm::Error::success();
}
