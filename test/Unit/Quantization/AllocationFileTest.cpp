//===- AllocationFileTest.cpp ---------------------------------------------===//

#include "picollm/Quantization/AllocationFile.h"
#include "SyntheticStack.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

const char *small = R"({"file_bytes": 5000, "weights": 2048, "matrices": [
  {"name": "a", "rows": 32, "columns": 64, "bits": 3.0, "loss": 0.5, "panels":
   [{"rows": 20, "segments": [{"bits": 4, "columns": 32},
                              {"bits": 2, "columns": 32}]},
    {"rows": 12, "segments": [{"bits": 0, "columns": 64}]}]}]})";

std::string replaced(std::string text, const std::string &from,
                     const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos);
  return text.replace(at, from.size(), to);
}

std::string failure(const std::string &text) {
  auto report = parseAllocation(text, "a.json");
  return report ? "" : llvm::toString(report.takeError());
}

LossTable tableOf(const char *name, int64_t columns,
                  std::vector<int64_t> rows) {
  LossTable table;
  table.name = name;
  table.columns = columns;
  table.rows = std::move(rows);
  for (int64_t j = columns; j-- > 0;)
    table.order.push_back(j);
  return table;
}

} // namespace

TEST(AllocationFile, ReadsWhatAUserWrites) {
  AllocationReport report = llvm::cantFail(parseAllocation(small, "a.json"));
  EXPECT_EQ(report.fileBytes, 5000);
  ASSERT_EQ(report.matrices.size(), 1u);
  const MatrixLayout &layout = report.matrices[0].stack.layout;
  EXPECT_EQ(layout.panels[0], (Panel{20, {{4, 32}, {2, 32}}}));
  EXPECT_EQ(layout.panels[1], (Panel{12, {{0, 64}}}));
  EXPECT_EQ(report.matrices[0].loss, 0.5);
}

TEST(AllocationFile, WhatWasAllocatedComesBack) {
  auto weights = gaussianStack(128, {64, 32});
  std::vector<LossTable> tables = {
      llvm::cantFail(measureLosses(weights->stack, correlatedInput(128), {}))};
  FileBudget budget = FileBudget::ofBits(5.0, 128 * 96, 4096);
  Allocation allocation = llvm::cantFail(allocateBits(tables, budget));
  AllocationReport report = makeReport(allocation, tables, 128 * 96);
  EXPECT_LE(report.bitsPerWeight(), 5.0);
  llvm::SmallString<128> path;
  ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("allocation", "json", path));
  llvm::cantFail(writeAllocation(report, path));
  AllocationReport read = llvm::cantFail(readAllocation(path));
  llvm::sys::fs::remove(path);
  Allocation again = llvm::cantFail(applyReport(read, tables, 4096));
  EXPECT_EQ(again.fileBytes, allocation.fileBytes);
  EXPECT_EQ(again.stacks[0].layout, allocation.stacks[0].layout);
  EXPECT_EQ(again.stacks[0].order, allocation.stacks[0].order);
  EXPECT_DOUBLE_EQ(read.matrices[0].loss, report.matrices[0].loss);
}

TEST(AllocationFile, SchemeAndGroupsComeBack) {
  std::string grouped =
      replaced(small, "\"columns\": 32}", "\"columns\": 32, \"group\": 128}");
  AllocationReport report = llvm::cantFail(parseAllocation(grouped, "a.json"));
  EXPECT_EQ(report.scheme, "");
  report.scheme = "gptq";
  AllocationReport again =
      llvm::cantFail(parseAllocation(formatAllocation(report), "a.json"));
  EXPECT_EQ(again.scheme, "gptq");
  const MatrixLayout &layout = again.matrices[0].stack.layout;
  EXPECT_EQ(layout.panels[0], (Panel{20, {{4, 32, 128}, {2, 32}}}));
  EXPECT_NE(failure(replaced(grouped, "128", "64"))
                .find("groups of 64 columns, expected 128"),
            std::string::npos);
  EXPECT_NE(failure(replaced(grouped, "128", "\"128\""))
                .find("'group' is no integer"),
            std::string::npos);
  EXPECT_NE(failure(replaced(small, "{\"file", "{\"scheme\": 3, \"file"))
                .find("'scheme' is no string"),
            std::string::npos);
}

TEST(AllocationFile, RefusesGroupsAsWidthsOfAUser) {
  AllocationReport report = llvm::cantFail(parseAllocation(
      replaced(small, "\"columns\": 32}", "\"columns\": 32, \"group\": 128}"),
      "a.json"));
  auto allocation = applyReport(report, tableOf("a", 64, {20, 12}), 4096);
  ASSERT_FALSE(static_cast<bool>(allocation));
  EXPECT_EQ(llvm::toString(allocation.takeError()),
            "allocation of 'a' has a 'group', which --scheme=rtn and gptq make "
            "from --bits alone; remove it");
}

TEST(AllocationFile, KeepsHowNearTheBestItIs) {
  auto weights = gaussianStack(128, {64, 32});
  std::vector<LossTable> tables = {
      llvm::cantFail(measureLosses(weights->stack, correlatedInput(128), {}))};
  FileBudget budget = FileBudget::ofBits(5.0, 128 * 96, 4096);
  Allocation allocation = llvm::cantFail(allocateBits(tables, budget));
  std::string text = formatAllocation(makeReport(allocation, tables, 128 * 96));
  for (const char *key : {"\"loss\"", "\"bound\"", "\"gap\"", "\"multiplier\""})
    EXPECT_NE(text.find(key), std::string::npos) << key;
  Optimality read =
      llvm::cantFail(parseAllocation(text, "a.json")).optimality.value();
  EXPECT_EQ(read.loss, allocation.optimality->loss);
  EXPECT_EQ(read.bound, allocation.optimality->bound);
  EXPECT_EQ(read.multiplier, allocation.optimality->multiplier);
  // Following the file measures the same: against the best of its own size.
  Allocation again = llvm::cantFail(applyReport(
      llvm::cantFail(parseAllocation(text, "a.json")), tables, 4096));
  EXPECT_DOUBLE_EQ(again.optimality->loss, read.loss);
  EXPECT_GE(again.optimality->bound, read.bound);
  EXPECT_LE(again.optimality->bound, read.loss);
}

TEST(AllocationFile, KeepsTheSourcesOfPanels) {
  std::string text = replaced(
      replaced(small, "\"rows\": 20", "\"source\": \"q\", \"rows\": 20"),
      "\"rows\": 12", "\"source\": \"k\", \"rows\": 12");
  AllocationReport report = llvm::cantFail(parseAllocation(text, "a.json"));
  EXPECT_EQ(report.matrices[0].sources, (std::vector<std::string>{"q", "k"}));
  report = llvm::cantFail(parseAllocation(formatAllocation(report), "a.json"));
  EXPECT_EQ(report.matrices[0].sources, (std::vector<std::string>{"q", "k"}));
}

TEST(AllocationFile, ColumnsWithoutAnOrderGoByImportance) {
  AllocationReport report = llvm::cantFail(parseAllocation(small, "a.json"));
  std::vector<LossTable> tables = {tableOf("a", 64, {20, 12})};
  Allocation allocation = llvm::cantFail(applyReport(report, tables, 4096));
  EXPECT_EQ(allocation.stacks[0].order, tables[0].order);
}

TEST(AllocationFile, RefusesAnotherModel) {
  AllocationReport report = llvm::cantFail(parseAllocation(small, "a.json"));
  auto message = [&](LossTable table) {
    auto allocation = applyReport(report, table, 4096);
    return allocation ? "" : llvm::toString(allocation.takeError());
  };
  EXPECT_EQ(message(tableOf("a", 64, {20, 12})), "");
  EXPECT_NE(message(tableOf("b", 64, {20, 12})).find("missing"),
            std::string::npos);
  // Another calibration may have cut the rows elsewhere.
  EXPECT_EQ(message(tableOf("a", 64, {32})), "");
  EXPECT_NE(message(tableOf("a", 64, {20, 13}))
                .find("has 32 rows and 64 columns, the model's has 33 and 64"),
            std::string::npos);
  EXPECT_NE(message(tableOf("a", 72, {20, 12})), "");
}

TEST(AllocationFile, RefusesBrokenFiles) {
  EXPECT_EQ(failure(small), "");
  EXPECT_NE(failure("{").find("no valid JSON"), std::string::npos);
  EXPECT_NE(failure("[]").find("missing"), std::string::npos);
  EXPECT_NE(failure(replaced(small, "\"matrices\"", "\"x\"")).find("matrices"),
            std::string::npos);
  EXPECT_NE(
      failure(replaced(small, "\"bits\": 4", "\"bits\": 9")).find("9 bits"),
      std::string::npos);
  EXPECT_NE(failure(replaced(small, "\"bits\": 4", "\"bits\": \"4\""))
                .find("no integer"),
            std::string::npos);
  EXPECT_NE(failure(replaced(small, "\"columns\": 32", "\"columns\": 12"))
                .find("12 columns"),
            std::string::npos);
  EXPECT_NE(failure(replaced(small, "\"rows\": 32", "\"rows\": 33")), "");
  EXPECT_NE(failure(replaced(small, "\"rows\": 32",
                             "\"rows\": 99999999999999999999")),
            "");
  EXPECT_NE(failure(replaced(small, "\"name\": \"a\"", "\"name\": 3")), "");
  EXPECT_NE(failure(replaced(small, "\"loss\"", "\"order\": [1, 1], \"loss\""))
                .find("permutation"),
            std::string::npos);
  EXPECT_NE(failure(replaced(small, "\"rows\": 20",
                             "\"source\": \"q\", \"rows\": 20"))
                .find("in some panels only"),
            std::string::npos);
  for (const char *optimality :
       {R"("bound": 1, "loss": -1, "multiplier": 1)",
        R"("bound": "1", "loss": 1, "multiplier": 1)",
        R"("bound": 1, "loss": 1, "multiplier": null)"})
    EXPECT_NE(failure(replaced(small, "\"weights\"",
                               std::string(optimality) + ", \"weights\""))
                  .find("is no number of 0 or more"),
              std::string::npos)
        << optimality;
  EXPECT_NE(failure(replaced(small, "5000", "-9223372036854775808")), "");
  auto none = readAllocation("no-such-file.json");
  ASSERT_FALSE(static_cast<bool>(none));
  EXPECT_NE(llvm::toString(none.takeError()).find("cannot read"),
            std::string::npos);
}

TEST(AllocationFile, RefusesCountsThatOverflow) {
  for (const char *count :
       {"9223372036854775807", "-9223372036854775808", "1125899906842625",
        "18446744073709551615", "1e300", "-1", "0.5"}) {
    EXPECT_NE(failure(replaced(small, "\"file_bytes\": 5000",
                               std::string("\"file_bytes\": ") + count)) +
                  failure(replaced(small, "\"rows\": 20",
                                   std::string("\"rows\": ") + count)),
              "")
        << count;
    EXPECT_NE(failure(replaced(small, "\"columns\": 64, ",
                               std::string("\"columns\": ") + count + ", ")),
              "")
        << count;
  }
  EXPECT_NE(failure(replaced(small, "\"rows\": 20", "\"rows\": 2147483648"))
                .find("more than 2147483648 rows"),
            std::string::npos);
  EXPECT_NE(
      failure(replaced(small, "\"columns\": 64, ", "\"columns\": 16777224, "))
          .find("at most 16777216"),
      std::string::npos);
}

TEST(AllocationFile, RefusesMoreWeightsThanAnyModelHas) {
  std::string matrix = R"({"name": "a", "rows": 2147483648, "columns": 16777216,
    "panels": [{"rows": 2147483648, "segments":
      [{"bits": 16, "columns": 16777216}]}]})";
  std::string matrices = matrix;
  for (int i = 0; i < 2; ++i)
    matrices += "," + matrix;
  EXPECT_NE(failure(R"({"file_bytes": 1, "weights": 1, "matrices": [)" +
                    matrices + "]}")
                .find("more weights than any model"),
            std::string::npos);
}

TEST(AllocationFile, NamesDoNotReachTheTerminalAsTheyAre) {
  std::string message =
      failure(replaced(replaced(small, "\"a\"", "\"\\u001b[31m\\n\""),
                       "\"bits\": 4", "\"bits\": 9"));
  EXPECT_NE(message.find("'\\1B[31m\\0A'"), std::string::npos) << message;
}

TEST(AllocationFile, SummaryNamesSizesKindsAndWidths) {
  AllocationReport report = llvm::cantFail(parseAllocation(small, "a.json"));
  report.matrices[0].name = "blk.12.q";
  report.scheme = "gptq\x1b";
  std::string text;
  llvm::raw_string_ostream out(text);
  printSummary(report, out);
  EXPECT_EQ(text.find("scheme: gptq\\1B\n"), 0u);
  EXPECT_NE(text.find("19.531 bits per weight"), std::string::npos);
  EXPECT_NE(text.find("blk.*.q"), std::string::npos);
  EXPECT_NE(text.find("4 bit 31.2 %"), std::string::npos);
  EXPECT_NE(text.find("0 bit 37.5 %"), std::string::npos);
  EXPECT_EQ(text.find("expected loss"), std::string::npos);
  report.optimality = Optimality{0.5, 0.4999, 1e-6};
  printSummary(report, out);
  EXPECT_NE(text.find("expected loss: 0.5, within 0.0200 % of the least"),
            std::string::npos)
      << text;
}
