//===- Compilation.h - one compilation, stage by stage ----------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_COMPILATION_H
#define PICOLLM_LIB_PIPELINES_COMPILATION_H

#include "OutputFolder.h"
#include "PicoLLM/Model/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "picollm/Attention/AttentionKernels.h"
#include "picollm/Pipelines/Pipelines.h"
#include "picollm/Quantization/AllocationFile.h"
#include "picollm/Target/Bundle.h"

namespace picollm {

/// The state of one compilation; members are filled stage by stage. Compile.cpp
/// has the order, each other file of the list below one kind of stage.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options) : options(options) {}
  llvm::Error run();

private:
  // Compile.cpp
  llvm::Error prepare();
  llvm::Error runStages();
  llvm::Error finish();

  // ImportStage.cpp: the model and its tokenizer.
  llvm::Error import();

  // PassStages.cpp: the stages that are passes.
  llvm::Error preparePasses();
  llvm::Error runPasses(Stage stage);

  // StageFiles.cpp: what a stage leaves to be read.
  llvm::Error writeIR(llvm::StringRef path);
  llvm::Error writeIRFolder();
  llvm::Error saveStage(Stage stage);
  llvm::Error copyReport();

  // LibraryStage.cpp: machine code.
  llvm::Error writeObject();
  llvm::Error writeLibrary();
  llvm::Error writeModelHeader();

  // BundleStage.cpp: the runtime and the weights inside the library.
  llvm::Error prepareBundle();
  llvm::Error linkIntoBundle(std::vector<std::string> objects,
                             llvm::StringRef library);

  /// Path of <name><suffix> in the output folder.
  std::string file(const llvm::Twine &suffix) const {
    return output->file(name + suffix);
  }

  const CompileOptions &options;
  std::string name; ///< of the library, a C identifier
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string tokenizer; ///< compiled tables
  AttentionShape attentionShape;
  model::ConfigAttr config; ///< the module's own goes on the way to LLVM
  std::optional<AllocationReport> report; ///< once packed
  std::string buildId;                    ///< once packed, hexadecimal
  TargetDescription target;
  BundleTools bundleTools; ///< for options.bundle
  std::unique_ptr<OutputFolder> output;
  PipelineOptions passOptions;
};

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_COMPILATION_H
