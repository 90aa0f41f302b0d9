//===- Bundle.h - a library with the runtime and weights inside -*- C++ -*-===//

#ifndef PICOLLM_TARGET_BUNDLE_H
#define PICOLLM_TARGET_BUNDLE_H

#include "picollm/Target/Target.h"

namespace mlir {
class MLIRContext;
}

namespace picollm {

/// A file that becomes constant data of an object under a hidden symbol.
struct EmbeddedFile {
  std::string symbol;
  std::string path;
  uint64_t alignment; ///< a power of two
};

/// Writes an ELF object for a 64-bit little-endian target (x86-64, AArch64)
/// whose read-only sections are the bytes of `files`. They go from file to
/// file, whatever their size. The object appears complete or not at all.
llvm::Error writeDataObject(llvm::StringRef triple,
                            llvm::ArrayRef<EmbeddedFile> files,
                            llvm::StringRef path);

/// Compiles picollm_<name>_bundle and picollm_<name>_open (the header of a
/// bundle says what they do) to an object that refers to the symbols
/// picollm_<name>_weights and picollm_<name>_tokenizer, of that many bytes.
llvm::Error emitBundleEntry(mlir::MLIRContext &context, llvm::StringRef name,
                            uint64_t weightsBytes, uint64_t tokenizerBytes,
                            const TargetDescription &target,
                            llvm::StringRef path);

/// What a bundle is linked with.
struct BundleTools {
  std::string runtime; ///< libpicollm-runtime.a of the target
  std::string
      compiler; ///< clang++, which knows the target's C and C++ libraries
};

/// `runtime` if not empty, else libpicollm-runtime.a of the installation or the
/// build that the program belongs to; for another system than this one, what
/// lies in lib/picollm/<architecture>-<system> there. `compiler` if not empty,
/// else the clang++ beside LLVM, or one on the path. Fails if there is none, if
/// the runtime was built for another architecture, and for targets that are not
/// 64-bit ELF on x86-64 or AArch64.
llvm::Expected<BundleTools> findBundleTools(llvm::StringRef triple,
                                            llvm::StringRef runtime = "",
                                            llvm::StringRef compiler = "");

/// Links objects and the static runtime into the shared library `path`, which
/// exports `exports` and the C API of that runtime, nothing else, and needs
/// nothing but the C library. The file appears complete or not at all.
llvm::Error linkBundle(llvm::ArrayRef<std::string> objects,
                       const BundleTools &tools,
                       llvm::ArrayRef<std::string> exports,
                       llvm::StringRef triple, llvm::StringRef path);

} // namespace picollm

#endif // PICOLLM_TARGET_BUNDLE_H
