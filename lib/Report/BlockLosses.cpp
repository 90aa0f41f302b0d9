//===- BlockLosses.cpp - what the blocks of a matrix lose -----------------===//

#include "BlockLosses.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <numeric>

using namespace picollm;
using Json = nlohmann::ordered_json;

/// Four digits: a page holds ten losses for each of many thousand blocks.
static double rounded(double loss) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.3e", loss);
  return std::stod(text);
}

/// The blocks of a table in the order in which their columns are stored.
static std::vector<size_t> storedBlocks(const LossTable &table,
                                        const StackAllocation &stack) {
  const std::vector<size_t> position = storedPositions(table, stack);
  std::vector<size_t> blocks(table.losses.front().size());
  std::iota(blocks.begin(), blocks.end(), size_t(0));
  auto start = [&](size_t block) {
    return position[table.order[block * table.widthColumns]];
  };
  std::sort(blocks.begin(), blocks.end(),
            [&](size_t a, size_t b) { return start(a) < start(b); });
  return blocks;
}

namespace {

/// Another width of a block, or of all of them.
struct Step {
  int64_t bytes = 0; ///< of tiles
  double saved = 0;  ///< loss
  int64_t columns = 0, from = 0, to = 0;

  double rate() const { return saved / double(bytes); }
};

} // namespace

static Step stepOf(const LossTable &table, size_t panel, size_t block,
                   size_t from, size_t to) {
  Step step;
  step.columns = table.blockColumns(block);
  step.from = candidateWidths[from];
  step.to = candidateWidths[to];
  step.bytes =
      storedRows(table.rows[panel]) * step.columns * (step.to - step.from) / 8;
  const LossTable::Losses &losses = table.losses[panel][block];
  step.saved = losses[from] - losses[to];
  return step;
}

nlohmann::ordered_json picollm::blockLosses(const LossTable &table,
                                            const StackAllocation &stack) {
  auto widths = blockWidthsOf(table, stack);
  if (!widths)
    return nullptr;
  const std::vector<size_t> stored = storedBlocks(table, stack);
  Json panels = Json::array();
  Step more, steepest;
  for (size_t p = 0; p < widths->size(); ++p) {
    Json &blocks = panels.emplace_back(Json::array());
    for (size_t block : stored) {
      size_t width = (*widths)[p][block];
      Json losses = Json::array();
      for (double loss : table.losses[p][block])
        losses.push_back(rounded(loss));
      blocks.push_back({{"columns", table.blockColumns(block)},
                        {"width", width},
                        {"losses", losses}});
      for (size_t to = width + 1; to < candidateWidths.size(); ++to) {
        Step step = stepOf(table, p, block, width, to);
        if (to == width + 1) {
          more.bytes += step.bytes;
          more.saved += step.saved;
        }
        if (step.saved > 0 &&
            (!steepest.bytes || step.rate() > steepest.rate()))
          steepest = step;
      }
    }
  }
  Json json{{"panels", panels},
            {"more", {{"bytes", more.bytes}, {"saved", more.saved}}}};
  if (steepest.bytes)
    json["steepest"] = {{"columns", steepest.columns},
                        {"from", steepest.from},
                        {"to", steepest.to},
                        {"bytes", steepest.bytes},
                        {"saved", steepest.saved}};
  return json;
}
