//===- LayoutTypes.cpp - the picollm_layout dialect, attributes, types ----===//

#include "PicoLLM/Layout/LayoutDialect.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace picollm;
using namespace picollm::layout;

#include "PicoLLM/Layout/LayoutDialect.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "PicoLLM/Layout/LayoutAttributes.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "PicoLLM/Layout/LayoutTypes.cpp.inc"

void LayoutDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "PicoLLM/Layout/LayoutAttributes.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "PicoLLM/Layout/LayoutTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "PicoLLM/Layout/LayoutOps.cpp.inc"
      >();
}

StringRef picollm::layout::stringifyEncoding(ActivationEncoding encoding) {
  switch (encoding) {
  case ActivationEncoding::None:
    return "none";
  case ActivationEncoding::Table4I8:
    return "table4_i8";
  case ActivationEncoding::CodesI8:
    return "codes_i8";
  case ActivationEncoding::F32:
    return "f32";
  }
  llvm_unreachable("an encoding has one of four values");
}

//===-- Panels
//--------------------------------------------------------------===//

/// `576: 8x32, 4x544 group 128`
static void printPanel(AsmPrinter &printer, PanelAttr panel) {
  printer << panel.getRows() << ": ";
  llvm::interleaveComma(
      llvm::zip_equal(panel.getBits(), panel.getColumns(), panel.getGroup()),
      printer, [&](auto segment) {
        printer << std::get<0>(segment) << "x" << std::get<1>(segment);
        if (int64_t group = std::get<2>(segment))
          printer << " group " << group;
      });
}

static FailureOr<PanelAttr> parsePanel(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t rows = 0;
  SmallVector<int64_t> bits, columns, groups;
  auto parseSegment = [&]() -> ParseResult {
    // As a list of dimensions: `0x32` alone would be a hexadecimal number.
    SmallVector<int64_t> pair;
    SMLoc loc = parser.getCurrentLocation();
    if (parser.parseDimensionList(pair, /*allowDynamic=*/false,
                                  /*withTrailingX=*/false))
      return failure();
    if (pair.size() != 2)
      return parser.emitError(loc, "expected bits x columns");
    bits.push_back(pair[0]);
    columns.push_back(pair[1]);
    groups.push_back(0);
    if (succeeded(parser.parseOptionalKeyword("group")))
      return parser.parseInteger(groups.back());
    return success();
  };
  if (parser.parseInteger(rows) || parser.parseColon() ||
      parser.parseCommaSeparatedList(parseSegment))
    return failure();
  auto panel =
      PanelAttr::getChecked([&] { return parser.emitError(loc); },
                            parser.getContext(), rows, bits, columns, groups);
  if (!panel)
    return failure();
  return panel;
}

Attribute PanelAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<PanelAttr> panel = parsePanel(parser);
  if (failed(panel) || parser.parseGreater())
    return {};
  return *panel;
}

void PanelAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printPanel(printer, *this);
  printer << ">";
}

static Panel panelOf(int64_t rows, ArrayRef<int64_t> bits,
                     ArrayRef<int64_t> columns, ArrayRef<int64_t> groups) {
  Panel panel;
  panel.rows = rows;
  for (auto [width, count, group] : llvm::zip_equal(bits, columns, groups))
    panel.segments.push_back({width, count, group});
  return panel;
}

LogicalResult PanelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                int64_t rows, ArrayRef<int64_t> bits,
                                ArrayRef<int64_t> columns,
                                ArrayRef<int64_t> groups) {
  if (bits.size() != columns.size() || groups.size() != columns.size())
    return emitError() << "panel has " << bits.size() << " widths and "
                       << groups.size() << " groups for " << columns.size()
                       << " segments (panel_c1)";
  MatrixLayout alone;
  for (int64_t count : columns)
    alone.columns += count;
  alone.panels.push_back(panelOf(rows, bits, columns, groups));
  if (llvm::Error error = checkLayout(alone))
    return emitError() << llvm::toString(std::move(error)) << " (panel_c1)";
  return success();
}

//===-- Matrices
//------------------------------------------------------------===//

Type MatrixType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  int64_t columns = 0;
  SmallVector<PanelAttr> panels;
  if (parser.parseLess() || parser.parseInteger(columns))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    if (parser.parseLSquare())
      return {};
    FailureOr<PanelAttr> panel = parsePanel(parser);
    if (failed(panel) || parser.parseRSquare())
      return {};
    panels.push_back(*panel);
  }
  if (parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    columns, panels);
}

void MatrixType::print(AsmPrinter &printer) const {
  printer << "<" << getColumns();
  for (PanelAttr panel : getPanels()) {
    printer << ", [";
    printPanel(printer, panel);
    printer << "]";
  }
  printer << ">";
}

static MatrixLayout layoutOf(int64_t columns, ArrayRef<PanelAttr> panels) {
  MatrixLayout layout;
  layout.columns = columns;
  for (PanelAttr panel : panels)
    layout.panels.push_back(panelOf(panel.getRows(), panel.getBits(),
                                    panel.getColumns(), panel.getGroup()));
  return layout;
}

LogicalResult MatrixType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t columns, ArrayRef<PanelAttr> panels) {
  if (llvm::Error error = checkLayout(layoutOf(columns, panels)))
    return emitError() << llvm::toString(std::move(error)) << " (matrix_c1)";
  return success();
}

MatrixLayout MatrixType::getLayout() const {
  return layoutOf(getColumns(), getPanels());
}

MatrixType MatrixType::get(MLIRContext *context, const MatrixLayout &layout) {
  SmallVector<PanelAttr> panels;
  for (const Panel &panel : layout.panels) {
    SmallVector<int64_t> bits, columns, groups;
    for (const Segment &segment : panel.segments) {
      bits.push_back(segment.bits);
      columns.push_back(segment.columns);
      groups.push_back(segment.group);
    }
    panels.push_back(
        PanelAttr::get(context, panel.rows, bits, columns, groups));
  }
  return get(context, layout.columns, panels);
}

ActivationType MatrixType::getActivationType() const {
  SmallVector<EncodedPanelAttr> panels;
  for (PanelAttr panel : getPanels()) {
    SmallVector<ActivationEncoding> encodings;
    for (int64_t bits : panel.getBits())
      encodings.push_back(encodingOfWidth(bits, Rows::Few));
    panels.push_back(
        EncodedPanelAttr::get(getContext(), encodings, panel.getColumns()));
  }
  return ActivationType::get(getContext(), panels);
}

//===-- Encoded activations
//-------------------------------------------------===//

/// `f32 x 32, codes_i8 x 256`
static void printEncodedPanel(AsmPrinter &printer, EncodedPanelAttr panel) {
  llvm::interleaveComma(
      llvm::zip_equal(panel.getEncodings(), panel.getColumns()), printer,
      [&](auto segment) {
        printer << stringifyEncoding(std::get<0>(segment)) << " x "
                << std::get<1>(segment);
      });
}

static FailureOr<EncodedPanelAttr> parseEncodedPanel(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<ActivationEncoding> encodings;
  SmallVector<int64_t> columns;
  auto parseSegment = [&]() -> ParseResult {
    SMLoc loc = parser.getCurrentLocation();
    StringRef name;
    int64_t count = 0;
    if (parser.parseKeyword(&name) || parser.parseKeyword("x") ||
        parser.parseInteger(count))
      return failure();
    columns.push_back(count);
    for (auto encoding :
         {ActivationEncoding::None, ActivationEncoding::Table4I8,
          ActivationEncoding::CodesI8, ActivationEncoding::F32})
      if (name == stringifyEncoding(encoding))
        encodings.push_back(encoding);
    if (encodings.size() != columns.size())
      return parser.emitError(loc, "expected none, table4_i8, codes_i8 or f32");
    return success();
  };
  if (parser.parseCommaSeparatedList(parseSegment))
    return failure();
  auto panel =
      EncodedPanelAttr::getChecked([&] { return parser.emitError(loc); },
                                   parser.getContext(), encodings, columns);
  if (!panel)
    return failure();
  return panel;
}

Attribute EncodedPanelAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<EncodedPanelAttr> panel = parseEncodedPanel(parser);
  if (failed(panel) || parser.parseGreater())
    return {};
  return *panel;
}

void EncodedPanelAttr::print(AsmPrinter &printer) const {
  printer << "<";
  printEncodedPanel(printer, *this);
  printer << ">";
}

LogicalResult
EncodedPanelAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                         ArrayRef<ActivationEncoding> encodings,
                         ArrayRef<int64_t> columns) {
  if (encodings.size() != columns.size())
    return emitError() << "encoded panel has " << encodings.size()
                       << " encodings for " << columns.size()
                       << " segments (encoded_panel_c1)";
  for (int64_t count : columns)
    if (count <= 0 || count % stepColumns)
      return emitError() << "encoded segment has " << count
                         << " columns, expected a positive multiple of "
                         << stepColumns << " (encoded_panel_c1)";
  return success();
}

Type ActivationType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<EncodedPanelAttr> panels;
  auto parsePanel = [&]() -> ParseResult {
    if (parser.parseLSquare())
      return failure();
    FailureOr<EncodedPanelAttr> panel = parseEncodedPanel(parser);
    if (failed(panel) || parser.parseRSquare())
      return failure();
    panels.push_back(*panel);
    return success();
  };
  if (parser.parseLess() || parser.parseCommaSeparatedList(parsePanel) ||
      parser.parseGreater())
    return {};
  return getChecked([&] { return parser.emitError(loc); }, parser.getContext(),
                    panels);
}

void ActivationType::print(AsmPrinter &printer) const {
  printer << "<";
  llvm::interleaveComma(getPanels(), printer, [&](EncodedPanelAttr panel) {
    printer << "[";
    printEncodedPanel(printer, panel);
    printer << "]";
  });
  printer << ">";
}

LogicalResult
ActivationType::verify(function_ref<InFlightDiagnostic()> emitError,
                       ArrayRef<EncodedPanelAttr> panels) {
  auto width = [](EncodedPanelAttr panel) {
    int64_t sum = 0;
    for (int64_t count : panel.getColumns())
      sum += count;
    return sum;
  };
  if (panels.empty())
    return emitError() << "activation has no panels (activation_c1)";
  for (EncodedPanelAttr panel : panels)
    if (width(panel) != width(panels.front()))
      return emitError() << "activation has panels of " << width(panels.front())
                         << " and " << width(panel)
                         << " columns, expected equal ones (activation_c1)";
  return success();
}
