//===- AllocationFuzzer.cpp - allocation.json of any text -----------------===//
//
// A report that was read can be printed, written and read again; applying it
// to a model fails or gives layouts of that model.
//
//===----------------------------------------------------------------------===//

#include "Require.h"
#include "picollm/Quantization/AllocationFile.h"

using namespace picollm;

/// The tables of a model that has one matrix of the seeds.
static std::vector<LossTable> tablesOfModel() {
  LossTable table;
  table.name = "blk.0.attn_qkv";
  table.columns = 64;
  table.widthColumns = 32;
  table.rows = {20, 12};
  for (uint32_t column = 0; column < 64; ++column)
    table.order.push_back(63 - column);
  return {table};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  llvm::StringRef text(reinterpret_cast<const char *>(data), size);
  auto report = parseAllocation(text, "allocation.json");
  if (!report) {
    requireSentence(report.takeError());
    return 0;
  }
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  printSummary(*report, stream);
  auto again = parseAllocation(formatAllocation(*report), "again.json");
  require(bool(again), "a report that cannot be read back");
  require(again->matrices.size() == report->matrices.size(),
          "a report that lost matrices");

  static const std::vector<LossTable> tables = tablesOfModel();
  auto allocation = applyReport(*report, tables, 4096);
  if (!allocation)
    requireSentence(allocation.takeError());
  else
    require(allocation->stacks[0].layout.rows() == 32 &&
                allocation->stacks[0].order.size() == 64,
            "an allocation of another model");
  return 0;
}
