//===- StepDialect.cpp - the picollm_step dialect and its program ---------===//

#include "PicoLLM/Step/Step.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace picollm::step;

#include "PicoLLM/Step/StepDialect.cpp.inc"
#include "PicoLLM/Step/StepEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "PicoLLM/Step/StepAttributes.cpp.inc"

void StepDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "PicoLLM/Step/StepAttributes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "PicoLLM/Step/StepOps.cpp.inc"
      >();
}

ParseResult ProgramOp::parse(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseSymbolName(name, getSymNameAttrName(result.name),
                             result.attributes) ||
      parser.parseArgumentList(arguments, OpAsmParser::Delimiter::Paren,
                               /*allowType=*/true))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("scratch"))) {
    IntegerAttr bytes;
    if (parser.parseAttribute(bytes, parser.getBuilder().getI64Type(),
                              getScratchBytesPerTokenAttrName(result.name),
                              result.attributes))
      return failure();
  }
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  return parser.parseRegion(*result.addRegion(), arguments);
}

void ProgramOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "(";
  llvm::interleaveComma(
      getBody().getArguments(), printer,
      [&](BlockArgument a) { printer.printRegionArgument(a); });
  printer << ")";
  if (getScratchBytesPerToken())
    printer << " scratch " << *getScratchBytesPerToken();
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getSymNameAttrName(), getScratchBytesPerTokenAttrName()});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

void ProgramOp::getAsmBlockArgumentNames(Region &region,
                                         OpAsmSetValueNameFn setName) {
  if (region.getNumArguments() != 2)
    return;
  setName(region.getArgument(0), "tokens");
  setName(region.getArgument(1), "logits");
}
