//===- Compile.h - from a model file to a compiled model --------*- C++ -*-===//

#ifndef PICOLLM_PIPELINES_COMPILE_H
#define PICOLLM_PIPELINES_COMPILE_H

#include "picollm/Attention/Attention.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>

namespace picollm {

/// The stages of a compilation in order; each is a value of --compile-to.
enum class Stage {
  Import,    ///< float model in the picollm dialect, its weights checked
  Calibrate, ///< losses of every block of columns at every width
  Allocate,  ///< every matrix has its widths
  Quantize,  ///< codes and scales
  Pack,      ///< the weight file
  Layout,    ///< picollm_layout: encoded activations, packed matrices
  Step,      ///< picollm_step: buffers and barriers
  LLVM,      ///< functions in the LLVM dialect
  Object,    ///< object file
  Library,   ///< shared library, header, manifest: the whole output
};

/// The flag's spelling of a stage ("import", ..., "library").
llvm::StringRef stageName(Stage stage);

/// How long a compression may take. What an option says for itself goes first.
enum class Effort {
  Fast,    ///< few texts; each layer by itself
  Default, ///< 12 texts; rows and layers make good each other's errors
  Max,     ///< 48 texts, then tuning over four times as many
};

/// What picollm-compile takes; see its --help for the meaning of each.
struct CompileOptions {
  std::string model;  ///< a .picollm file has the stages up to pack behind it
  std::string output; ///< folder, or NAME.picollm for the stage pack
  std::string name;   ///< empty: from `output`
  std::optional<double> bits;  ///< rtn and gptq: whole, of the linear layers
  std::optional<int64_t> size; ///< bytes of the weight file
  std::string allocation;      ///< file with widths, or empty
  std::string scheme = "pico";
  std::string chatTemplate; ///< file to use instead of the model's, or empty
  std::string calibration;  ///< folder or file, or empty
  Effort effort = Effort::Default;
  /// Texts, or of a task without `calibration` its items; 0: as many texts as
  /// `effort` says, and so many items as have as many tokens as these can have.
  int64_t calibrationTexts = 0;
  std::string task;       ///< file of items; empty: the prediction of text
  double tuneMinutes = 0; ///< 0: see tuneSteps
  int64_t tuneSteps = 0;  ///< 0: see tuneMinutes; both 0: no tuning
  std::string target = "host";
  std::string cpu;
  std::string features;
  std::string schedule; ///< file of how kernels are laid out, or empty
  KVCacheType kvCache = KVCacheType::F16;
  std::string saveStages; ///< folder, or empty
  /// Folder for allocation, losses, measures of the stages and a page that
  /// shows them, or empty.
  std::string report;
  std::string command; ///< that was called, quoted for a shell, for that page
  /// Print how long the compression will take, and leave nothing.
  bool estimate = false;
  bool timing = false; ///< print time and memory of each stage on stderr
  bool bundle = false; ///< runtime, weights and tokenizer in the library
  std::string runtime; ///< libpicollm-runtime.a for it; empty: is found
  Stage compileTo = Stage::Library;
};

/// Compiles. The output appears complete or not at all. Prints the allocation
/// summary on stdout.
llvm::Error compileModel(const CompileOptions &options);

/// Prints the allocation summary of a compiled model's folder, or of a .picollm
/// file, on stdout.
llvm::Error printSummary(llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_PIPELINES_COMPILE_H
