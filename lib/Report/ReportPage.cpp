//===- ReportPage.cpp - an allocation as a page to look at ----------------===//

#include "picollm/Report/ReportPage.h"
#include "llvm/ADT/StringRef.h"
#include <nlohmann/json.hpp>

using namespace picollm;
using Json = nlohmann::ordered_json;

/// page.html, with {{data}} where the data go.
static constexpr llvm::StringLiteral page =
#include "Page.inc"
    ;

/// Bytes of the codes of a matrix, padding rows included.
static int64_t codeBytes(const MatrixLayout &layout) {
  int64_t bytes = 0;
  for (const Panel &panel : layout.panels)
    for (const Segment &segment : panel.segments)
      bytes += storedRows(panel.rows) * segment.columns * segment.bits / 8;
  return bytes;
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

std::string ReportPage::html() const {
  Json data{{"model", model},
            {"name", name},
            {"command", command},
            {"date", date},
            {"version", PICOLLM_VERSION},
            {"allocation", Json::parse(formatAllocation(allocation))},
            {"stages", Json::parse(stages).at("stages")},
            {"bytes", Json::object()},
            {"curve", Json::array()}};
  for (const MatrixAllocation &matrix : allocation.matrices)
    data["bytes"][matrix.name] = {{"all", matrixBytes(matrix.stack.layout)},
                                  {"codes", codeBytes(matrix.stack.layout)}};
  for (const RateDistortionPoint &point : curve)
    data["curve"].push_back({{"bytes", point.fileBytes}, {"loss", point.loss}});
  auto [before, after] = page.split("{{data}}");
  return before.str() +
         escapeForScript(
             data.dump(-1, ' ', false, Json::error_handler_t::replace)) +
         after.str();
}
