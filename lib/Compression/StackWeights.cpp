//===- StackWeights.cpp - the floats of a stack ---------------------------===//

#include "StackWeights.h"
#include "picollm/Import/Importer.h"

using namespace picollm;

WeightStack picollm::weightsOf(const Stack &stack, WeightReader &reader) {
  WeightStack weights;
  weights.name = stack.name;
  weights.columns = stack.columns;
  std::vector<WeightSource> sources;
  for (size_t i = 0; i < stack.panels.size(); ++i) {
    sources.push_back(toWeightSource(stack.panels[i]));
    StackPanel &panel = weights.panels.emplace_back();
    panel.name = sources.back().name;
    panel.rows = stack.rows(i);
  }
  weights.readRows = [sources = std::move(sources), &reader](
                         size_t panel, int64_t row, int64_t count, float *out) {
    return reader.readRows(sources[panel], row, count, out);
  };
  return weights;
}

InputStatistics picollm::lookUpStatistics(const Stack &stack) {
  // The loss sums over rows; a look-up reads one of them.
  return InputStatistics::uniform(stack.columns, 1.0f / stack.rows(0));
}
