//===- KernelBandwidth.cpp - dot kernels alone, from memory ---------------===//
//
// How fast the dot kernels for one token read their weights, beside how fast
// the same threads read memory: every width, 256 MB of tiles of 2048 columns,
// which no cache holds. Medians of 9 alternating rounds, as a table.
//
//   usage: kernel-bandwidth [INSTRUCTION-SET] [THREADS...]
//
// Without arguments the best instruction set of this machine, and 1 and 2
// threads.
//
//===----------------------------------------------------------------------===//

#include "Median.h"
#include "ReadBandwidth.h"
#include "Together.h"
#include "picollm/Conversion/InstructionSet.h"
#include "picollm/Conversion/Kernels.h"
#include "picollm/Layout/Layout.h"
#include "picollm/Target/Target.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/DynamicLibrary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"
#include <algorithm>
#include <cstring>
#include <random>

using namespace picollm;

namespace {

constexpr int64_t kColumns = 2048;
constexpr uint64_t kBytes = uint64_t(256) << 20;
constexpr int kRounds = 9;

using Function = void(const uint8_t *weights, const uint8_t *values,
                      const float *scales, const int32_t *sums, int64_t columns,
                      int64_t stride, float *sumsOfRows);

bool runsHere(InstructionSet isa) {
  const auto has = llvm::sys::getHostCPUFeatures();
  const llvm::Triple triple(llvm::sys::getProcessTriple());
  return (architectureOf(isa).empty() ||
          architectureOf(isa) == triple.getArchName()) &&
         llvm::all_of(featuresOf(isa), [&](llvm::StringRef feature) {
           return has.lookup(feature);
         });
}

/// The kernels, compiled as the compiler does.
llvm::Expected<llvm::sys::DynamicLibrary>
compile(llvm::ArrayRef<DotKernel> kernels) {
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  std::vector<std::string> exports;
  for (const DotKernel &kernel : kernels) {
    getDotKernel(*module, kernel).setPublic();
    exports.push_back(kernel.name());
  }
  mlir::PassManager manager(&context);
  addConversionsToLLVM(manager);
  if (mlir::failed(manager.run(*module)))
    return llvm::createStringError("the kernels cannot be lowered");
  setFunctionAttributes(*module);
  auto target = parseTarget("host");
  if (!target)
    return target.takeError();
  llvm::SmallString<128> path;
  if (std::error_code error =
          llvm::sys::fs::createTemporaryFile("kernels", "so", path))
    return llvm::createStringError(error, "no temporary file");
  const std::string object = (path + ".o").str();
  llvm::FileRemover removeLibrary(path), removeObject(object);
  if (llvm::Error error = emitObject(*module, *target, object))
    return std::move(error);
  if (llvm::Error error =
          linkSharedLibrary({object}, exports, path.str().str()))
    return std::move(error);
  std::string problem;
  auto library =
      llvm::sys::DynamicLibrary::getPermanentLibrary(path.c_str(), &problem);
  if (!library.isValid())
    return llvm::createStringError(problem);
  return library;
}

/// Weights, and one token's activation, of any width.
class Operands {
public:
  Operands() : weights(kBytes), values(4 * kColumns + 64) {
    std::mt19937_64 random(1);
    for (size_t i = 0; i < kBytes; i += 8) {
      const uint64_t word = random();
      std::memcpy(&weights[i], &word, 8);
    }
    std::fill(std::begin(scales), std::end(scales), 1e-3f);
  }

  /// Seconds for all tiles, a thread's side by side.
  double pass(Function *kernel, int64_t bits, int threads) {
    const int64_t tile = 4 * bits * kColumns, tiles = kBytes / tile;
    return secondsTogether(threads, [&](int thread) {
      alignas(64) float rows[tileRows] = {};
      for (int64_t t = tiles * thread / threads;
           t < tiles * (thread + 1) / threads; ++t)
        kernel(aligned(weights) + t * tile, aligned(values), scales, sums,
               kColumns, 0, rows);
    });
  }

private:
  static uint8_t *aligned(std::vector<uint8_t> &bytes) {
    return bytes.data() + (-reinterpret_cast<uintptr_t>(bytes.data()) & 63);
  }

  std::vector<uint8_t> weights, values;
  float scales[kColumns / blockColumns];
  int32_t sums[kColumns / blockColumns] = {};
};

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  // The best that runs here come first.
  InstructionSet isa = *llvm::find_if(allInstructionSets(), runsHere);
  std::vector<int> threadCounts;
  for (llvm::StringRef argument : llvm::ArrayRef(argv, argc).drop_front()) {
    int count = 0;
    if (auto named = instructionSetByName(argument);
        named && runsHere(*named)) {
      isa = *named;
    } else if (!argument.getAsInteger(10, count) && count >= 1 &&
               count <= 256) {
      threadCounts.push_back(count);
    } else {
      llvm::errs()
          << "kernel-bandwidth: '" << argument
          << "' is neither an instruction set that runs here nor a "
             "number of threads from 1 to 256\n"
             "usage: kernel-bandwidth [INSTRUCTION-SET] [THREADS...]\n";
      return 1;
    }
  }
  if (threadCounts.empty())
    threadCounts = {1, 2};

  std::vector<DotKernel> kernels;
  for (int64_t bits = 1; bits <= 8; ++bits)
    kernels.push_back({bits, /*tokens=*/1, isa});
  auto library = compile(kernels);
  if (!library) {
    llvm::errs() << "kernel-bandwidth: " << toString(library.takeError())
                 << "\n";
    return 1;
  }

  ReadBandwidth memory(kBytes);
  Operands operands;
  llvm::outs() << "| kernel |";
  for (int threads : threadCounts)
    llvm::outs() << " " << threads << (threads > 1 ? " threads" : " thread")
                 << ": GB/s | share |";
  llvm::outs() << "\n|---|"
               << llvm::join(
                      std::vector<std::string>(threadCounts.size(), "---|---|"),
                      "")
               << "\n";
  for (const DotKernel &kernel : kernels) {
    const std::string name = kernel.name();
    auto *function =
        reinterpret_cast<Function *>(library->getAddressOfSymbol(name.c_str()));
    llvm::outs() << "| " << name << " |";
    for (int threads : threadCounts) {
      std::vector<double> speeds, shares;
      for (int round = 0; round < kRounds; ++round) {
        const double seconds = operands.pass(function, kernel.bits, threads);
        speeds.push_back(double(kBytes) / seconds);
        shares.push_back(speeds.back() / memory.measure(threads));
      }
      llvm::outs() << llvm::format(" %.1f | %.2f |", median(speeds) / 1e9,
                                   median(shares));
      llvm::outs().flush();
    }
    llvm::outs() << "\n";
  }
  return 0;
}
