//===- Dot.cpp - names and functions of the dot kernels -------------------===//

#include "Dot.h"

#include "picollm/Conversion/Kernels.h"
#include "picollm/Layout/Layout.h"

using namespace picollm;

static std::string nameWithoutIsa(const DotKernel &kernel) {
  llvm::StringRef family, encoding;
  switch (encodingOfWidth(kernel.bits)) {
  case ActivationEncoding::Table4I8:
    family = "planes", encoding = "table4_i8";
    break;
  case ActivationEncoding::CodesI8:
    family = "fields", encoding = "codes_i8";
    break;
  default:
    family = "half", encoding = "f32";
  }
  return ("dot_" + family + "_b" + llvm::Twine(kernel.bits) + "_" + encoding +
          "_r32_t" + llvm::Twine(kernel.tokens))
      .str();
}

std::string DotKernel::name() const {
  return nameWithoutIsa(*this) + "_" + nameOf(isa).str();
}

std::vector<DotKernel> picollm::dotKernels(InstructionSet isa) {
  std::vector<DotKernel> kernels;
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8, 16})
    for (int64_t tokens : {1, 4})
      kernels.push_back({bits, tokens, isa});
  return kernels;
}

mlir::func::FuncOp picollm::getDotKernel(mlir::ModuleOp module,
                                         const DotKernel &kernel) {
  KernelBuilder k(module, kernel.isa);
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function = k.beginFunction(
      nameWithoutIsa(kernel), {k.ptr, k.ptr, k.ptr, k.ptr, k.i64, k.i64, k.ptr},
      existing);
  if (!function)
    return existing;
  DotArguments arguments = {k.argument(0), k.argument(1), k.argument(2),
                            k.argument(3), k.argument(4), k.argument(5),
                            k.argument(6)};
  switch (encodingOfWidth(kernel.bits)) {
  case ActivationEncoding::Table4I8:
    emitPlanes(k, kernel.bits, kernel.tokens, arguments);
    break;
  case ActivationEncoding::CodesI8:
    emitFields(k, kernel.bits, kernel.tokens, arguments);
    break;
  default:
    emitHalf(k, kernel.tokens, arguments);
  }
  k.endFunction();
  return function;
}

void picollm::addBlock(KernelBuilder &k, const DotArguments &a, int64_t token,
                       int64_t group, Value sum, Value scale) {
  Value place = k.at(a.rowSums, 128 * token + 32 * group);
  Type floats = k.vec(8, k.f32);
  Value product = k.fmul(k.toFloat(sum, floats), k.splat(scale, 8));
  k.store(k.fadd(k.load(floats, place, 32), product), place, 32);
}
