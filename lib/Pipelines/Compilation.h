//===- Compilation.h - one compilation, stage by stage ----------*- C++ -*-===//

#ifndef PICOLLM_LIB_PIPELINES_COMPILATION_H
#define PICOLLM_LIB_PIPELINES_COMPILATION_H

#include "Output.h"
#include "PicoLLM/Model/Model.h"
#include "StageMeasures.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "picollm/Attention/AttentionKernels.h"
#include "picollm/Pipelines/Pipelines.h"
#include "picollm/Quantization/AllocationFile.h"
#include "picollm/Target/Bundle.h"
#include "llvm/ADT/StringMap.h"

namespace picollm {

/// The state of one compilation; members are filled stage by stage. Compile.cpp
/// has the order, each other file of the list below one kind of stage.
class Compilation {
public:
  explicit Compilation(const CompileOptions &options);
  llvm::Error run();
  llvm::Error explain(llvm::Error error) const;

private:
  // Compile.cpp
  llvm::Error prepare();
  llvm::Error runStages();
  llvm::Error finish();

  // ImportStage.cpp: the model and its tokenizer.
  llvm::Error import();
  llvm::Error importModelFile();
  llvm::Error importPacked();

  // PassStages.cpp: the stages that are passes.
  void preparePasses();
  /// Widths by losses; other schemes know theirs beforehand.
  bool isAllocated() const { return scheme == "pico" || scheme == "random"; }
  bool isTuned() const {
    return options.tuneMinutes > 0 || options.tuneSteps > 0 ||
           (options.effort == Effort::Max && scheme == "pico");
  }
  bool isCalibrated() const { return scheme == "pico" || scheme == "gptq"; }
  llvm::Error writeCalibrationTokens();
  llvm::Error runPasses(Stage stage);

  // Estimate.cpp: how long the whole will take.
  llvm::Error estimate();
  llvm::Error measureLayers(int64_t layers, const TuneOptions &tune);

  // StageFiles.cpp: what a stage leaves to be read.
  std::vector<std::string> compressionFiles() const;
  llvm::Error writeIR(llvm::StringRef path);
  llvm::Error writeIRFolder();
  llvm::Error writePacked();
  llvm::Error saveStage(Stage stage);
  llvm::Expected<std::vector<LossTable>> lossTables() const;
  llvm::Error writeReport();

  // LibraryStage.cpp: machine code.
  llvm::Error writeObject(llvm::StringRef path);
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
  StageMeasures measures;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Stage imported = Stage::Import; ///< the stage that the input has behind it
  std::string source;             ///< file name of the model
  std::string scheme;
  std::string tokenizer;                       ///< compiled tables
  std::vector<AttentionShape> attentionShapes; ///< one for each window
  model::ConfigAttr config; ///< the module's own goes on the way to LLVM
  /// By stack, once allocated, where columns are stored otherwise than the
  /// losses have them: quantising moves them to the file of codes.
  llvm::StringMap<std::vector<uint32_t>> orders;
  std::optional<AllocationReport> report; ///< once packed
  int64_t normBytes = 0;                  ///< of the weight file, once packed
  std::string buildId;                    ///< once packed, hexadecimal
  TargetDescription target;
  BundleTools bundleTools; ///< for options.bundle
  std::unique_ptr<Output> output;
  PipelineOptions passOptions;
  double writingSeconds = 0; ///< CalibrationSets::writingSeconds
};

} // namespace picollm

#endif // PICOLLM_LIB_PIPELINES_COMPILATION_H
