//===- BundleStage.cpp - everything in one library ------------------------===//

#include "Compilation.h"
#include "picollm/Support/WriteFile.h"
#include "picollm/weight_file.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;

/// runtime/include/picollm.h.
static constexpr const char runtimeHeader[] =
#include "RuntimeHeader.inc"
    ;

/// Hours of compression should not end at a missing library: what bundles are
/// linked with is found, and tried with nothing but the runtime, before.
llvm::Error Compilation::prepareBundle() {
  if (!options.bundle)
    return llvm::Error::success();
  if (llvm::Error error =
          findBundleTools(target.triple, options.runtime).moveInto(bundleTools))
    return error;
  return linkBundle({}, bundleTools, {}, target.triple,
                    output->scratchFile("trial.so"));
}

/// Links the objects of the step with the runtime, the weights and the
/// tokenizer and takes the latter two out of the folder.
llvm::Error Compilation::linkIntoBundle(std::vector<std::string> objects,
                                        llvm::StringRef library) {
  std::string weights = file(".weights"), tokenizerFile = file(".tokenizer");
  uint64_t weightsBytes = 0;
  if (std::error_code code = llvm::sys::fs::file_size(weights, weightsBytes))
    return llvm::createStringError(weights +
                                   ": cannot be read: " + code.message());
  std::string prefix = "picollm_" + name;
  objects.push_back(output->scratchFile("bundle.o"));
  if (llvm::Error error =
          emitBundleEntry(context, name, weightsBytes, tokenizer.size(), target,
                          objects.back()))
    return error;
  objects.push_back(output->scratchFile("data.o"));
  if (llvm::Error error = writeDataObject(
          target.triple,
          {{prefix + "_weights", weights, PICOLLM_WEIGHT_FILE_HEADER_BYTES},
           {prefix + "_tokenizer", tokenizerFile, 64}},
          objects.back()))
    return error;
  if (llvm::Error error =
          linkBundle(objects, bundleTools,
                     {prefix + "_model", prefix + "_bundle", prefix + "_open"},
                     target.triple, library))
    return error;
  for (const std::string &inside : {weights, tokenizerFile, objects.back()})
    llvm::sys::fs::remove(inside);
  return writeFile(output->file("picollm.h"), runtimeHeader);
}
