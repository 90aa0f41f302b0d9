//===- ModelDialect.cpp - the picollm dialect and its attributes ----------===//

#include "PicoLLM/Model/Model.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace picollm::model;

#include "PicoLLM/Model/ModelDialect.cpp.inc"
#include "PicoLLM/Model/ModelEnums.cpp.inc"

/// Unlike those of a plain array of doubles, the digits are enough to read the
/// same numbers again.
static void printFrequencies(AsmPrinter &printer,
                             DenseF64ArrayAttr frequencies) {
  printer << '[';
  llvm::interleaveComma(frequencies.asArrayRef(), printer, [&](double value) {
    printer.printFloat(APFloat(value));
  });
  printer << ']';
}

static ParseResult parseFrequencies(AsmParser &parser,
                                    DenseF64ArrayAttr &frequencies) {
  SmallVector<double> values;
  auto parseValue = [&] { return parser.parseFloat(values.emplace_back()); };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseValue))
    return failure();
  frequencies = DenseF64ArrayAttr::get(parser.getContext(), values);
  return success();
}

#define GET_ATTRDEF_CLASSES
#include "PicoLLM/Model/ModelAttributes.cpp.inc"

namespace {

/// Long attributes get a name at the top of the file, so that ops stay short.
struct ModelAliases : OpAsmDialectInterface {
  using OpAsmDialectInterface::OpAsmDialectInterface;

  AliasResult getAlias(Attribute attribute, raw_ostream &os) const override {
    if (isa<RotationAttr>(attribute))
      os << "rotation";
    else if (isa<ConfigAttr>(attribute))
      os << "config";
    else
      return AliasResult::NoAlias;
    return AliasResult::FinalAlias;
  }
};

} // namespace

void ModelDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "PicoLLM/Model/ModelAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "PicoLLM/Model/ModelOps.cpp.inc"
      >();
  addInterfaces<ModelAliases>();
}

LogicalResult
WeightRefAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                      StringRef file, int64_t offset, int64_t size,
                      StringRef encoding, StringRef hash) {
  if (file.empty() || encoding.empty())
    return emitError() << "weight reference needs a file and an encoding "
                          "(weight_ref_c1)";
  if (offset < 0 || size <= 0)
    return emitError() << "weight reference has offset " << offset
                       << " and size " << size
                       << ", expected offset >= 0 and size > 0 "
                          "(weight_ref_c2)";
  auto isLowerHex = [](char c) {
    return llvm::isDigit(c) || (c >= 'a' && c <= 'f');
  };
  if (!hash.empty() && (hash.size() != 64 || !all_of(hash, isLowerHex)))
    return emitError() << "weight reference has hash '" << hash
                       << "', expected 64 lower-case hexadecimal digits or "
                          "none (weight_ref_c3)";
  return success();
}

LogicalResult ConfigAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef name, StringRef architecture,
                                 int64_t vocabulary, int64_t contextLength,
                                 int64_t layers, int64_t embedding,
                                 int64_t heads, int64_t kvHeads,
                                 int64_t headSize) {
  for (int64_t value :
       {vocabulary, contextLength, layers, embedding, heads, kvHeads, headSize})
    if (value <= 0)
      return emitError() << "model configuration has a size of " << value
                         << ", expected positive sizes (config_c1)";
  if (heads % kvHeads)
    return emitError() << "model configuration has " << heads
                       << " heads, expected a multiple of its " << kvHeads
                       << " KV heads (config_c2)";
  return success();
}

LogicalResult RotationAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                   DenseF64ArrayAttr frequencies,
                                   FloatAttr scale) {
  if (frequencies.empty() || !all_of(frequencies.asArrayRef(),
                                     [](double f) { return std::isfinite(f); }))
    return emitError() << "rotation needs at least one frequency, all finite "
                          "(rotation_c1)";
  double value = scale.getValueAsDouble();
  if (!scale.getType().isF64() || !std::isfinite(value) || value <= 0)
    return emitError() << "rotation has scale " << scale
                       << ", expected a positive f64 (rotation_c2)";
  return success();
}
