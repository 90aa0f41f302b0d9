//===- KernelList.cpp - every inner kernel on a line ----------------------===//

#include "picollm/Conversion/Kernels.h"
#include "picollm/Conversion/Schedule.h"
#include "picollm/Layout/Layout.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;

static void line(llvm::raw_ostream &out, const std::string &function,
                 llvm::StringRef operation, int64_t bits, int64_t group,
                 const std::string &tile, const std::string &features) {
  out << llvm::left_justify(function, 46) << llvm::left_justify(operation, 9)
      << llvm::format("%5d  %5d  ", int(bits), int(group))
      << llvm::left_justify(tile, 20) << features << "\n";
}

void picollm::listKernels(llvm::raw_ostream &out) {
  out << llvm::left_justify("function", 46)
      << llvm::left_justify("operation", 9) << " bits  group  "
      << llvm::left_justify("tile", 20) << "CPU features\n";
  for (InstructionSet isa : allInstructionSets()) {
    const std::string features =
        featuresOf(isa).empty() ? "none" : llvm::join(featuresOf(isa), ",");
    auto tile = [](int64_t tokens) {
      return std::to_string(tileRows) + " rows, " + std::to_string(tokens) +
             (tokens == 1 ? " token" : " tokens");
    };
    for (const DotKernel &kernel : dotKernels(isa))
      line(out, kernel.name(), "dot", kernel.bits, kernel.group,
           tile(kernel.tokens), features);
    for (const ProductKernel &kernel : productKernels(isa))
      line(out, kernel.name(), "product", kernel.bits, kernel.group,
           tile(defaultSchedule(isa).productTokens), features);
  }
}
