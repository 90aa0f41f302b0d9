//===- ReportPage.cpp - an allocation as a page to look at ----------------===//

#include "picollm/Report/ReportPage.h"
#include "BlockLosses.h"
#include "llvm/ADT/StringMap.h"
#include <nlohmann/json.hpp>

using namespace picollm;
using Json = nlohmann::ordered_json;

/// page.html, with {{data}} where the data go.
static constexpr llvm::StringLiteral page =
#include "Page.inc"
    ;

/// What the bytes of a matrix are.
static Json bytesOf(const MatrixLayout &layout) {
  int64_t codes = 0, rowScales = 0, segmentScales = 0, groups = 0;
  for (const Panel &panel : layout.panels) {
    rowScales += panel.rows * sizeof(uint16_t);
    segmentScales += panel.segments.size() * sizeof(float);
    for (const Segment &segment : panel.segments) {
      codes += panel.rows * segment.columns * segment.bits / 8;
      groups += storedRows(panel.rows) / tileRows * segmentGroups(segment) *
                (groupScaleBytes + groupZeroBytes(segment.bits));
    }
  }
  const int64_t columnScales = layout.columns * sizeof(uint16_t);
  const int64_t order = layout.columns * orderEntryBytes(layout.columns);
  return {{"codes", codes},
          {"order", order},
          {"column_scales", columnScales},
          {"row_scales", rowScales},
          {"segment_scales", segmentScales},
          {"groups", groups},
          {"padding", matrixBytes(layout) - codes - order - columnScales -
                          rowScales - segmentScales - groups}};
}

/// Inside a script element nothing may look like its end.
static std::string escapeForScript(llvm::StringRef json) {
  std::string text;
  for (char c : json)
    if (c == '<')
      text += "\\u003c";
    else
      text += c;
  return text;
}

/// Least loss over the size of the file, for the solver's hull.
static llvm::Expected<Json> curveOf(const ReportPage &page) {
  Json points = Json::array();
  if (page.tables.empty())
    return points;
  auto curve =
      traceRateDistortion(page.tables, page.headerBytes + page.normBytes,
                          /*points=*/300);
  if (!curve)
    return curve.takeError();
  for (const RateDistortionPoint &point : *curve)
    points.push_back({{"bytes", point.fileBytes}, {"loss", point.loss}});
  return points;
}

llvm::Expected<std::string> ReportPage::html() const {
  auto curve = curveOf(*this);
  if (!curve)
    return curve.takeError();
  llvm::StringMap<const LossTable *> tableOf;
  for (const LossTable &table : tables)
    tableOf[table.name] = &table;
  // The page shows blocks, not the order of the columns inside them.
  AllocationReport shown = allocation;
  for (MatrixAllocation &matrix : shown.matrices)
    matrix.stack.order.clear();
  Json data{{"model", model},
            {"name", name},
            {"command", command},
            {"date", date},
            {"version", PICOLLM_VERSION},
            {"allocation", Json::parse(formatAllocation(shown))},
            {"stages", Json::parse(stages).at("stages")},
            {"bytes", Json::object()},
            {"header_bytes", headerBytes},
            {"norm_bytes", normBytes},
            {"widths", candidateWidths},
            {"blocks", Json::object()},
            {"curve", *curve}};
  for (const MatrixAllocation &matrix : allocation.matrices) {
    data["bytes"][matrix.name] = bytesOf(matrix.stack.layout);
    if (const LossTable *table = tableOf.lookup(matrix.name))
      data["blocks"][matrix.name] = blockLosses(*table, matrix.stack);
  }
  auto [before, after] = page.split("{{data}}");
  return before.str() +
         escapeForScript(
             data.dump(-1, ' ', false, Json::error_handler_t::replace)) +
         after.str();
}
