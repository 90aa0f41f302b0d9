//===- StackWeights.cpp - the floats of a stack ---------------------------===//

#include "StackWeights.h"
#include "picollm/Import/Importer.h"

using namespace picollm;

WeightStack picollm::weightsOf(const Stack &stack, WeightReader &reader,
                               llvm::ArrayRef<float> rowWeights) {
  WeightStack weights;
  weights.name = stack.name;
  weights.columns = stack.columns;
  std::vector<WeightSource> sources;
  for (size_t i = 0; i < stack.panels.size(); ++i) {
    sources.push_back(toWeightSource(stack.panels[i]));
    StackPanel &panel = weights.panels.emplace_back();
    panel.name = sources.back().name;
    panel.rows = stack.rows(i);
    if (rowWeights.empty())
      continue;
    panel.rowWeights = rowWeights.take_front(panel.rows).vec();
    rowWeights = rowWeights.drop_front(panel.rowWeights.size());
  }
  weights.readRows = [sources = std::move(sources), &reader](
                         size_t panel, int64_t row, int64_t count, float *out) {
    return reader.readRows(sources[panel], row, count, out);
  };
  return weights;
}
