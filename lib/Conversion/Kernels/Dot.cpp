//===- Dot.cpp - names and functions of the dot kernels -------------------===//

#include "Dot.h"

#include "../ISA.h"
#include "picollm/Layout/Layout.h"

using namespace picollm;

std::string picollm::nameOfWidth(int64_t bits, int64_t group) {
  std::string name = std::to_string(bits);
  return group ? name + "g" + std::to_string(group) : name;
}

static std::string nameWithoutIsa(const DotKernel &kernel) {
  llvm::StringRef family, encoding;
  switch (encodingOfWidth(kernel.bits, Rows::Few)) {
  case ActivationEncoding::Table4I8:
    family = "planes", encoding = "table4_i8";
    break;
  case ActivationEncoding::CodesI8:
    family = "fields", encoding = "codes_i8";
    break;
  default:
    family = "half", encoding = "f32";
  }
  return ("dot_" + family + "_b" + nameOfWidth(kernel.bits, kernel.group) +
          "_" + encoding + "_r32_t" + llvm::Twine(kernel.tokens))
      .str();
}

std::string DotKernel::name() const {
  return nameWithoutIsa(*this) + "_" + nameOf(isa).str();
}

std::vector<DotKernel> picollm::dotKernels(InstructionSet isa) {
  std::vector<DotKernel> kernels;
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8, 16})
    for (int64_t tokens : {1, 4}) {
      kernels.push_back({bits, tokens, isa});
      if (bits <= 8)
        kernels.push_back({bits, tokens, isa, blockColumns});
    }
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
  switch (encodingOfWidth(kernel.bits, Rows::Few)) {
  case ActivationEncoding::Table4I8:
    emitPlanes(k, kernel, arguments);
    break;
  case ActivationEncoding::CodesI8:
    emitFields(k, kernel, arguments);
    break;
  default:
    emitHalf(k, kernel.tokens, arguments);
  }
  k.endFunction();
  return function;
}

void picollm::addBlock(KernelBuilder &k, const DotArguments &a, int64_t token,
                       int64_t octet, Value sum, Value scale) {
  Value place = k.at(a.rowSums, 128 * token + 32 * octet);
  Type floats = k.vec(8, k.f32);
  Value product = k.fmul(k.toFloat(sum, floats), scale);
  k.store(k.fadd(k.load(floats, place, 32), product), place, 32);
}

RowGroups picollm::loadGroups(KernelBuilder &k, int64_t bits, Value weights,
                              Value columns, Value begin, int64_t octet,
                              int64_t top) {
  const int64_t zeroBytes = groupZeroBytes(bits);
  Value scales = k.at(weights, k.mul(columns, k.index(4 * bits)));
  Value groups = k.divideCeil(columns, blockColumns);
  Value zeros = k.at(scales, k.mul(groups, k.index(groupScaleBytes)));
  Value group = k.div(begin, k.index(blockColumns));
  scales = k.at(scales, k.mul(group, k.index(groupScaleBytes)));
  zeros = k.at(zeros, k.mul(group, k.index(zeroBytes)));
  const bool nibbles = zeroBits(bits) == 4;
  Value zero =
      k.load(k.vec(8, k.i8), k.at(zeros, 8 * (nibbles ? octet % 2 : octet)), 8);
  if (nibbles)
    zero = octet < 2 ? k.bitAnd(zero, 15) : k.shiftRight(zero, 4);
  Type words = k.vec(8, k.i32);
  Value half = k.load(k.vec(8, k.i16), k.at(scales, 16 * octet), 16);
  return {
      hooksOf(k.isa).extendHalf(k, half),
      k.sub(k.constant(words, top), k.shiftLeft(k.zeroExtend(zero, words), 1))};
}
