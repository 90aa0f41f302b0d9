//===- CheckpointKey.cpp - what a pass's result depends on ----------------===//

#include "CheckpointKey.h"
#include "PicoLLM/Layout/LayoutDialect.h"
#include "PicoLLM/Model/Model.h"
#include "picollm/Support/FileSample.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"

using namespace picollm;

/// Another build may do otherwise.
static void addProgram(llvm::SHA256 &hash) {
  const std::string program = llvm::sys::fs::getMainExecutable(
      nullptr, reinterpret_cast<void *>(&openCheckpoint));
  llvm::sys::fs::file_status status;
  if (llvm::sys::fs::status(program, status))
    return;
  hash.update(llvm::utostr(status.getSize()) + "," +
              llvm::utostr(
                  status.getLastModificationTime().time_since_epoch().count()));
}

/// Without the module's attributes, which have the name of the output.
static std::string textOf(mlir::ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (mlir::Operation &op : *module.getBody())
    op.print(os);
  return text;
}

llvm::Expected<Checkpoint> picollm::openCheckpoint(llvm::StringRef folder,
                                                   mlir::ModuleOp module,
                                                   llvm::StringRef tokens,
                                                   llvm::StringRef options) {
  if (folder.empty())
    return Checkpoint();
  llvm::SHA256 hash;
  addProgram(hash);
  hash.update(textOf(module));
  hash.update(options);
  llvm::StringSet<> read;
  if (!tokens.empty())
    read.insert(tokens);
  for (auto op : module.getOps<model::WeightOp>())
    read.insert(op.getRef().getFile());
  for (auto op : module.getOps<layout::MatrixOp>())
    read.insert(op.getRef().getFile());
  std::vector<llvm::StringRef> sorted(read.keys().begin(), read.keys().end());
  llvm::sort(sorted);
  for (llvm::StringRef file : sorted)
    if (file != "-") // a plan without losses
      if (llvm::Error error = addSample(hash, file))
        return std::move(error);
  return Checkpoint::open(folder,
                          llvm::toHex(hash.final(), /*LowerCase=*/true));
}
