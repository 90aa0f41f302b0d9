//===- ReportPageTest.cpp - the data inside report.html -------------------===//

#include "picollm/Report/ReportPage.h"
#include <cmath>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace picollm;
using nlohmann::json;

namespace {

/// One matrix of 32 rows and 64 columns; the block that matters less is stored
/// first, at 3 bits, the other behind it at 2.
ReportPage pageOf(double first = 1.0, double second = 0.25) {
  ReportPage page;
  page.model = "</script><b>\"&.gguf";
  page.stages = R"({"stages": []})";
  page.headerBytes = 4096;
  LossTable &table = page.tables.emplace_back();
  table.name = "m";
  table.columns = 64;
  table.widthColumns = 32;
  table.rows = {32};
  for (uint32_t j = 0; j < 64; ++j)
    table.order.push_back(j);
  for (double size : {first, second}) {
    table.losses.resize(1);
    LossTable::Losses &losses = table.losses[0].emplace_back();
    for (size_t width = 0; width < losses.size(); ++width)
      losses[width] = size * std::exp2(-2.0 * double(candidateWidths[width]));
  }
  MatrixAllocation &matrix = page.allocation.matrices.emplace_back();
  matrix.name = "m";
  matrix.stack.layout = {64, {{32, {{3, 32}, {2, 32}}}}};
  for (uint32_t j = 0; j < 64; ++j)
    matrix.stack.order.push_back((j + 32) % 64);
  return page;
}

json dataOf(const std::string &html) {
  const std::string open = "id=\"data\">";
  size_t begin = html.find(open) + open.size();
  return json::parse(html.substr(begin, html.find("</script>", begin) - begin));
}

json dataOf(const ReportPage &page) {
  return dataOf(llvm::cantFail(page.html()));
}

} // namespace

TEST(ReportPage, TextOfAModelEndsNoElement) {
  json data = dataOf(pageOf());
  EXPECT_EQ(data["model"], "</script><b>\"&.gguf");
  std::string html = llvm::cantFail(pageOf().html());
  EXPECT_EQ(html.find("</script><b>"), std::string::npos);
  EXPECT_EQ(html.find("{{"), std::string::npos);
}

TEST(ReportPage, NeedsNoOtherFile) {
  std::string html = llvm::cantFail(pageOf().html());
  for (const char *reference : {" src=", "<link", "@import", "url(", "fetch("})
    EXPECT_EQ(html.find(reference), std::string::npos) << reference;
}

TEST(ReportPage, BlocksGoAsTheyAreStored) {
  json blocks = dataOf(pageOf())["blocks"]["m"]["panels"][0];
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0]["width"], 3);
  EXPECT_EQ(blocks[0]["losses"][0], 0.25);
  EXPECT_EQ(blocks[1]["width"], 2);
  EXPECT_EQ(blocks[1]["losses"][0], 1.0);
  EXPECT_EQ(blocks[1]["losses"][2], 0.0625);
}

TEST(ReportPage, SaysWhatTheNextWidthSaves) {
  json matrix = dataOf(pageOf())["blocks"]["m"];
  // 32 rows by 64 columns by one bit; 3 to 4 bits of one, 2 to 3 of the other.
  EXPECT_EQ(matrix["more"]["bytes"], 32 * 64 / 8);
  double second = 0.25 * (std::exp2(-6) - std::exp2(-8));
  double first = std::exp2(-4) - std::exp2(-6);
  EXPECT_DOUBLE_EQ(matrix["more"]["saved"], first + second);
  EXPECT_EQ(matrix["steepest"]["from"], 2);
  EXPECT_EQ(matrix["steepest"]["to"], 3);
  EXPECT_EQ(matrix["steepest"]["bytes"], 32 * 32 / 8);
  EXPECT_DOUBLE_EQ(matrix["steepest"]["saved"], first);
}

TEST(ReportPage, NothingToSaveHasNoSteepestStep) {
  EXPECT_FALSE(dataOf(pageOf(0, 0))["blocks"]["m"].contains("steepest"));
}

TEST(ReportPage, OtherBlocksThanThoseOfTheLossesHaveNone) {
  ReportPage page = pageOf();
  page.allocation.matrices[0].stack.layout = {64, {{32, {{3, 16}, {2, 48}}}}};
  EXPECT_TRUE(dataOf(page)["blocks"]["m"].is_null());
}

TEST(ReportPage, WithoutLossesThereIsNoCurve) {
  ReportPage page = pageOf();
  EXPECT_FALSE(dataOf(page)["curve"].empty());
  page.tables.clear();
  json data = dataOf(page);
  EXPECT_TRUE(data["curve"].empty());
  EXPECT_TRUE(data["blocks"].empty());
}

TEST(ReportPage, RefusesLossesThatAreNoNumbers) {
  auto html = pageOf(NAN).html();
  ASSERT_FALSE(bool(html));
  EXPECT_NE(llvm::toString(html.takeError()).find("not finite"),
            std::string::npos);
}
