//===- RowPanelsTest.cpp - where the rows of a matrix are cut -------------===//

#include "picollm/Quantization/RowPanels.h"
#include "SyntheticStack.h"
#include "llvm/ADT/STLExtras.h"
#include <gtest/gtest.h>
#include <numeric>

using namespace picollm;

namespace {

using Counts = std::vector<int64_t>;

/// Rows of a vocabulary: costs fall as in Zipf's law, with noise.
std::vector<double> zipf(int64_t rows, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  std::vector<double> densities(rows);
  for (int64_t row = 0; row < rows; ++row)
    densities[row] = std::exp(normal(random)) / double(row + 10);
  return densities;
}

/// The logarithm of the loss at equal bits, straight from the definition.
double logLoss(const std::vector<double> &densities, const Counts &counts) {
  double sum = 0;
  auto row = densities.begin();
  for (int64_t count : counts) {
    sum += count * std::log(std::accumulate(row, row + count, 0.0) / count);
    row += count;
  }
  EXPECT_EQ(row, densities.end());
  return sum / densities.size();
}

std::string failure(const WeightStack &stack, const Counts &rows) {
  auto cut = cutIntoPanels(stack, rows);
  return cut ? "" : llvm::toString(cut.takeError());
}

} // namespace

TEST(CutRows, FindsTheBordersOfPlateaus) {
  std::vector<double> densities(4096, 1.0);
  std::fill_n(densities.begin() + 1024, 2048, 0.01);
  std::fill_n(densities.begin() + 3072, 1024, 0.2);
  EXPECT_EQ(cutRows(densities, {}), (Counts{1024, 2048, 1024}));
}

TEST(CutRows, EqualRowsStayTogether) {
  EXPECT_EQ(cutRows(std::vector<double>(9000, 0.3), {}), Counts{9000});
  EXPECT_EQ(cutRows(std::vector<double>(9000, 0.0), {}), Counts{9000});
}

TEST(CutRows, AStepThatSavesTooLittleIsNoBorder) {
  // Half the rows cost 1 and half x: the best cut leaves the geometric mean,
  // sqrt(x), of the arithmetic one, (1 + x) / 2.
  std::vector<double> densities(4096, 1.0);
  std::fill_n(densities.begin(), 2048, 1.18);
  EXPECT_EQ(cutRows(densities, {}), Counts{4096}); // 0.34 %
  std::fill_n(densities.begin(), 2048, 1.25);
  EXPECT_EQ(cutRows(densities, {}), (Counts{2048, 2048})); // 0.62 %
}

TEST(CutRows, PanelsHaveAtLeastTheirRowsAndWholeTiles) {
  QuantizationOptions options;
  std::vector<double> densities = zipf(20011);
  densities[20010] = 10; // a last row alone would be the best panel
  Counts counts = cutRows(densities, options);
  EXPECT_GE(counts.size(), 4u);
  EXPECT_LE(int64_t(counts.size()), options.panels);
  EXPECT_EQ(std::accumulate(counts.begin(), counts.end(), int64_t(0)), 20011);
  for (size_t i = 0; i < counts.size(); ++i) {
    EXPECT_GE(counts[i], options.panelRows);
    if (i + 1 < counts.size())
      EXPECT_EQ(counts[i] % tileRows, 0);
  }
  options.panels = 3;
  EXPECT_EQ(cutRows(densities, options).size(), 3u);
  options.panels = 1;
  EXPECT_EQ(cutRows(densities, options), Counts{20011});
  EXPECT_EQ(cutRows(zipf(1023), {}), Counts{1023});
  EXPECT_EQ(cutRows({}, {}), Counts{0});
}

TEST(CutRows, TwoPanelsAreTheBestTwo) {
  QuantizationOptions options;
  options.panels = 2;
  options.panelRows = tileRows;
  for (unsigned seed : {1, 2, 3}) {
    std::vector<double> densities = zipf(3000, seed);
    double best = INFINITY;
    for (int64_t first = tileRows; first < 3000; first += tileRows)
      best = std::min(best, logLoss(densities, {first, 3000 - first}));
    EXPECT_NEAR(logLoss(densities, cutRows(densities, options)), best, 1e-12);
  }
}

TEST(CutRows, RowsThatCostNothingAreCutOff) {
  std::vector<double> densities(4096, 1.0);
  std::fill_n(densities.begin() + 2048, 2048, 0.0);
  EXPECT_EQ(cutRows(densities, {}), (Counts{2048, 2048}));
}

TEST(CutIntoPanels, PanelsReadTheirRows) {
  auto weights = gaussianStack(16, {5, 3});
  for (StackPanel &panel : weights->stack.panels)
    for (int64_t row = 0; row < panel.rows; ++row)
      panel.rowWeights.push_back(float(row + 1));
  std::vector<float> &moment = weights->stack.panels[0].outputMoment;
  moment.resize(25);
  std::iota(moment.begin(), moment.end(), 0.0f);
  WeightStack cut = llvm::cantFail(cutIntoPanels(weights->stack, {2, 2, 1, 3}));
  EXPECT_EQ(cut.rows(), 8);
  ASSERT_EQ(cut.panels.size(), 4u);
  EXPECT_EQ(cut.panels[1].name, "p0");
  EXPECT_EQ(cut.panels[3].name, "p1");
  EXPECT_EQ(cut.panels[1].rowWeights, (std::vector<float>{3, 4}));
  EXPECT_EQ(cut.panels[1].outputMoment, (std::vector<float>{12, 13, 17, 18}));
  EXPECT_TRUE(cut.panels[3].outputMoment.empty());
  EXPECT_EQ(cut.rowWeights(), weights->stack.rowWeights());
  std::vector<float> row(16);
  llvm::cantFail(cut.readRows(2, 0, 1, row.data()));
  EXPECT_EQ(row[3], weights->values[0][4 * 16 + 3]);
  llvm::cantFail(cut.readRows(3, 2, 1, row.data()));
  EXPECT_EQ(row[3], weights->values[1][2 * 16 + 3]);
}

TEST(CutIntoPanels, RefusesOtherNumbersOfRows) {
  auto weights = gaussianStack(16, {5, 3});
  EXPECT_EQ(failure(weights->stack, {5, 3}), "");
  EXPECT_NE(failure(weights->stack, {5}).find("panel 1 has 0 rows"),
            std::string::npos);
  EXPECT_NE(failure(weights->stack, {8}).find("the 5 that are left of 'p0'"),
            std::string::npos);
  EXPECT_NE(failure(weights->stack, {4, 2, 2}).find("the 1 that are left"),
            std::string::npos);
  EXPECT_NE(failure(weights->stack, {5, 0, 3}), "");
  EXPECT_NE(failure(weights->stack, {5, -3}), "");
  EXPECT_NE(failure(weights->stack, {5, 3, 1}).find("panel 2 begins after"),
            std::string::npos);
}

TEST(CutByLoss, LosesLessThanOnePanelOfAsManyBytes) {
  const int64_t rows = 3072, columns = 64;
  auto weights = gaussianStack(columns, {rows});
  for (int64_t row = 0; row < rows; ++row)
    weights->stack.panels[0].rowWeights.push_back(row < 1024 ? 1.0f : 0.01f);
  WeightStack cut = llvm::cantFail(cutByLoss(weights->stack, {}));
  ASSERT_EQ(cut.panels.size(), 2u);
  EXPECT_EQ(cut.panels[0].rows, 1024);
  InputStatistics input = correlatedInput(columns);
  FileBudget budget = FileBudget::ofBits(4.5, rows * columns, 4096);
  double losses[2];
  int64_t bytes[2];
  const WeightStack *stacks[] = {&weights->stack, &cut};
  for (auto [i, stack] : llvm::enumerate(stacks)) {
    LossTable table = llvm::cantFail(measureLosses(*stack, input, {}));
    EXPECT_EQ(table.rowWeights, weights->stack.panels[0].rowWeights);
    Allocation allocation = llvm::cantFail(allocateBits(table, budget));
    auto quantized =
        llvm::cantFail(quantizeStack(*stack, input, allocation.stacks[0], {}));
    losses[i] =
        std::accumulate(quantized.losses.begin(), quantized.losses.end(), 0.0);
    bytes[i] = matrixBytes(allocation.stacks[0].layout);
  }
  // exp(log(0.01) 2 / 3) / (0.34), were widths not whole numbers: 0.14.
  EXPECT_LT(losses[1], 0.25 * losses[0]);
  EXPECT_NEAR(double(bytes[1]), double(bytes[0]), 0.05 * double(bytes[0]));
}
