//===- AttentionKernels.cpp - runs the generator, keeps its objects -------===//

#include "picollm/Attention/AttentionKernels.h"
#include "HalideTarget.h"
#include "ObjectCode.h"
#include "Shim.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/SHA256.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;

namespace picollm {

using namespace attention;

static constexpr StringLiteral kGeneratorName = "picollm-attention-generator";

/// Changes when objects differ for a reason that the other parts of the key do
/// not show, such as a pass that ObjectCode.cpp adds.
static constexpr StringLiteral kKeyVersion = "1";

static Expected<std::string> findGenerator(const AttentionOptions &options) {
  if (!options.generator.empty()) {
    if (sys::fs::can_execute(options.generator))
      return options.generator;
    return createStringError(options.generator +
                             ": the attention generator is not an executable");
  }
  static int inThisProgram;
  SmallString<256> beside(sys::path::parent_path(
      sys::fs::getMainExecutable(nullptr, &inThisProgram)));
  sys::path::append(beside, kGeneratorName);
  for (StringRef path : {StringRef(beside), StringRef(PICOLLM_GENERATOR_PATH)})
    if (sys::fs::can_execute(path))
      return path.str();
  return createStringError(
      kGeneratorName + ": not found beside the program, nor at '" +
      PICOLLM_GENERATOR_PATH + "'; build the target " + kGeneratorName);
}

static Expected<std::string> cacheDirectory(const AttentionOptions &options) {
  SmallString<256> directory(options.cacheDirectory);
  if (directory.empty()) {
    std::optional<std::string> cache = sys::Process::GetEnv("XDG_CACHE_HOME");
    if (cache && sys::path::is_absolute(*cache))
      directory = *cache;
    else if (sys::path::home_directory(directory))
      sys::path::append(directory, ".cache");
    else
      return createStringError("attention: no folder for the cache; set "
                               "XDG_CACHE_HOME or HOME");
    sys::path::append(directory, "picollm");
  }
  if (std::error_code code = sys::fs::create_directories(directory))
    return createStringError(
        directory + ": cannot make the cache folder: " + code.message());
  return directory.str().str();
}

/// SHA-256 of everything that the object is made from.
static Expected<std::string> cacheKey(const Module &shim,
                                      const HalideTarget &halide,
                                      StringRef triple, StringRef generator) {
  ErrorOr<std::unique_ptr<MemoryBuffer>> program =
      MemoryBuffer::getFile(generator, false, false);
  if (!program)
    return createStringError(generator + ": " + program.getError().message());
  std::string text;
  raw_string_ostream stream(text);
  stream << kKeyVersion << '\n'
         << LLVM_VERSION_STRING << '\n'
         << halide.name << '\n'
         << halide.llvmFeatures << '\n'
         << triple << '\n'
         << shim;
  SHA256 hash;
  hash.update(text);
  hash.update((*program)->getBuffer());
  return toHex(hash.final(), true);
}

/// Runs the generator; its messages become the error's text.
static Error runGenerator(StringRef generator, const AttentionShape &shape,
                          const HalideTarget &halide, StringRef bitcode) {
  SmallString<128> log;
  if (std::error_code code =
          sys::fs::createTemporaryFile("picollm-attention", "log", log))
    return createStringError("attention: no temporary file: " + code.message());
  scope_exit removeLog([&] { sys::fs::remove(log); });
  const std::string headSize = std::to_string(shape.headSize);
  const std::string group = std::to_string(shape.group);
  const std::optional<StringRef> redirects[] = {StringRef(), StringRef(log),
                                                StringRef(log)};
  std::string message;
  const int status = sys::ExecuteAndWait(
      generator,
      {generator, bitcode, halide.name, headSize, group,
       shape.window ? "windowed" : "whole", nameOf(shape.cache)},
      std::nullopt, redirects, 0, 0, &message);
  if (status == 0)
    return Error::success();
  if (ErrorOr<std::unique_ptr<MemoryBuffer>> text = MemoryBuffer::getFile(log))
    message += (*text)->getBuffer().trim().take_back(2000);
  return createStringError(generator + ": failed for target " + halide.name +
                           ": " + message);
}

static Error buildObject(std::unique_ptr<Module> shim, StringRef generator,
                         const AttentionShape &shape,
                         const AttentionTarget &target,
                         const HalideTarget &halide, StringRef path) {
  SmallString<256> bitcode, object;
  if (std::error_code code =
          sys::fs::createUniqueFile(path + "-%%%%%%%%.bc", bitcode))
    return createStringError(path +
                             ": cannot write beside it: " + code.message());
  scope_exit removeBitcode([&] { sys::fs::remove(bitcode); });
  if (Error error = runGenerator(generator, shape, halide, bitcode))
    return error;

  int descriptor;
  if (std::error_code code =
          sys::fs::createUniqueFile(path + "-%%%%%%%%.tmp", descriptor, object))
    return createStringError(path +
                             ": cannot write beside it: " + code.message());
  scope_exit removeObject([&] { sys::fs::remove(object); });
  raw_fd_ostream stream(descriptor, true);
  if (Error error = emitObject(std::move(shim), std::string(bitcode),
                               target.triple, halide, stream))
    return error;
  stream.close();
  if (stream.has_error()) {
    std::error_code code = stream.error();
    stream.clear_error();
    return createStringError(object + ": cannot write: " + code.message());
  }
  if (std::error_code code = sys::fs::rename(object, path))
    return createStringError(path + ": cannot write: " + code.message());
  return Error::success();
}

Expected<std::string> buildAttention(const AttentionShape &shape,
                                     const AttentionTarget &target,
                                     const AttentionOptions &options) {
  Expected<std::string> name = attentionFunctionName(shape, target);
  if (!name)
    return name.takeError();
  Expected<HalideTarget> halide = selectHalideTarget(target);
  if (!halide)
    return halide.takeError();
  Expected<std::string> generator = findGenerator(options);
  if (!generator)
    return generator.takeError();
  Expected<std::string> directory = cacheDirectory(options);
  if (!directory)
    return directory.takeError();

  LLVMContext context;
  std::unique_ptr<Module> shim = buildShim(context, shape, *name);
  Expected<std::string> key =
      cacheKey(*shim, *halide, target.triple, *generator);
  if (!key)
    return key.takeError();
  SmallString<256> path(*directory);
  sys::path::append(path, *name + "-" + key->substr(0, 32) + ".o");
  if (!sys::fs::exists(path))
    if (Error error = buildObject(std::move(shim), *generator, shape, target,
                                  *halide, path))
      return std::move(error);
  return path.str().str();
}

} // namespace picollm
