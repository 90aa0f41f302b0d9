//===- RowPanels.cpp - where the rows of a matrix are cut -----------------===//

#include "picollm/Quantization/RowPanels.h"
#include "StackRows.h"
#include "picollm/Layout/Layout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/Twine.h"
#include <algorithm>
#include <cmath>

using namespace picollm;

namespace {

/// Cuts tiles of rows, see cutRows.
class RowCutter {
public:
  RowCutter(llvm::ArrayRef<double> densities,
            const QuantizationOptions &options);
  std::vector<int64_t> run();

private:
  struct Cut {
    size_t tile = 0;
    double gain = 0; ///< fall of the logarithm of the loss
  };

  /// Rows before a tile.
  int64_t rowsBefore(size_t tile) const {
    return std::min(rows, int64_t(tile) * tileRows);
  }
  double logLoss(size_t begin, size_t end) const;
  Cut bestCut(size_t begin, size_t end) const;

  const QuantizationOptions &options;
  int64_t rows;
  double least = 0;         ///< density
  std::vector<double> sums; ///< densities of all rows before a tile
};

} // namespace

RowCutter::RowCutter(llvm::ArrayRef<double> densities,
                     const QuantizationOptions &options)
    : options(options), rows(densities.size()) {
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (row % tileRows == 0)
      sums.push_back(sum);
    sum += densities[row];
  }
  sums.push_back(sum);
  // Rows that cost nothing cannot save more bits than there are.
  least = sum / double(std::max<int64_t>(rows, 1)) * 0x1p-32;
}

/// The share of tiles [begin, end) in the logarithm of the loss.
double RowCutter::logLoss(size_t begin, size_t end) const {
  double count = double(rowsBefore(end) - rowsBefore(begin));
  double density = std::max((sums[end] - sums[begin]) / count, least);
  return count / double(rows) * std::log(density);
}

RowCutter::Cut RowCutter::bestCut(size_t begin, size_t end) const {
  Cut best;
  double whole = logLoss(begin, end);
  for (size_t tile = begin + 1; tile < end; ++tile) {
    if (rowsBefore(tile) - rowsBefore(begin) < options.panelRows ||
        rowsBefore(end) - rowsBefore(tile) < options.panelRows)
      continue;
    double gain = whole - logLoss(begin, tile) - logLoss(tile, end);
    if (gain > best.gain)
      best = {tile, gain};
  }
  return best;
}

std::vector<int64_t> RowCutter::run() {
  std::vector<size_t> borders = {0, sums.size() - 1};
  const double leastGain = -std::log1p(-options.panelGain);
  while (sums.back() > 0 && int64_t(borders.size()) <= options.panels) {
    Cut best;
    for (size_t i = 0; i + 1 < borders.size(); ++i)
      if (Cut cut = bestCut(borders[i], borders[i + 1]); cut.gain > best.gain)
        best = cut;
    if (best.gain < leastGain)
      break;
    borders.insert(llvm::upper_bound(borders, best.tile), best.tile);
  }
  std::vector<int64_t> counts;
  for (size_t i = 0; i + 1 < borders.size(); ++i)
    counts.push_back(rowsBefore(borders[i + 1]) - rowsBefore(borders[i]));
  return counts;
}

std::vector<int64_t> picollm::cutRows(llvm::ArrayRef<double> densities,
                                      const QuantizationOptions &options) {
  return RowCutter(densities, options).run();
}

/// Rows [row, row + rows) of a matrix of `allRows`; empty of an empty one.
static std::vector<float> takeRows(const std::vector<float> &values,
                                   int64_t allRows, int64_t row, int64_t rows) {
  const int64_t columns = int64_t(values.size()) / allRows;
  return {values.begin() + row * columns,
          values.begin() + (row + rows) * columns};
}

/// The part of a panel that begins at `row`. A whole panel is moved: a moment
/// may be large.
static StackPanel takePart(StackPanel &panel, int64_t row, int64_t rows) {
  if (rows == panel.rows)
    return std::move(panel);
  StackPanel part;
  part.name = panel.name;
  part.rows = rows;
  if (!panel.rowWeights.empty())
    part.rowWeights.assign(panel.rowWeights.begin() + row,
                           panel.rowWeights.begin() + row + rows);
  part.residualDrift = takeRows(panel.residualDrift, panel.rows, row, rows);
  part.residualDriftOfHalf =
      takeRows(panel.residualDriftOfHalf, panel.rows, row, rows);
  if (!panel.outputMoment.empty())
    for (int64_t i = row; i < row + rows; ++i) {
      auto moments = panel.outputMoment.begin() + i * panel.rows;
      part.outputMoment.insert(part.outputMoment.end(), moments + row,
                               moments + row + rows);
    }
  return part;
}

llvm::Expected<WeightStack>
picollm::cutIntoPanels(WeightStack stack, llvm::ArrayRef<int64_t> rows) {
  struct Start {
    size_t panel;
    int64_t row;
  };
  WeightStack cut;
  std::vector<Start> starts;
  cut.name = stack.name;
  cut.columns = stack.columns;
  for (auto [index, panel] : llvm::enumerate(stack.panels))
    for (int64_t row = 0; row < panel.rows;) {
      int64_t count = rows.empty() ? 0 : rows.front();
      if (count <= 0 || count > panel.rows - row)
        return llvm::createStringError(
            stack.name + ": panel " + llvm::Twine(cut.panels.size()) + " has " +
            llvm::Twine(count) + " rows, expected at most the " +
            llvm::Twine(panel.rows - row) + " that are left of '" + panel.name +
            "' and at least one");
      starts.push_back({index, row});
      cut.panels.push_back(takePart(panel, row, count));
      row += count;
      rows = rows.drop_front();
    }
  if (!rows.empty())
    return llvm::createStringError(
        stack.name + ": panel " + llvm::Twine(cut.panels.size()) +
        " begins after the last of its rows; remove it");
  cut.readRows = [starts = std::move(starts), read = stack.readRows](
                     size_t panel, int64_t row, int64_t count, float *out) {
    return read(starts[panel].panel, starts[panel].row + row, count, out);
  };
  return cut;
}

llvm::Expected<WeightStack>
picollm::cutByLoss(const WeightStack &matrix,
                   const QuantizationOptions &options) {
  llvm::Expected<StackRows> rows = StackRows::open(matrix, options.cacheBytes);
  if (!rows)
    return rows.takeError();
  llvm::Expected<StackScales> scales = normalizeStack(*rows);
  if (!scales)
    return scales.takeError();
  std::vector<double> densities(scales->lossWeights.begin(),
                                scales->lossWeights.end());
  return cutIntoPanels(matrix, cutRows(densities, options));
}
