//===- BlockLosses.h - what the blocks of a matrix lose ---------*- C++ -*-===//

#ifndef PICOLLM_LIB_REPORT_BLOCKLOSSES_H
#define PICOLLM_LIB_REPORT_BLOCKLOSSES_H

#include "picollm/Quantization/AllocationFile.h"
#include <nlohmann/json.hpp>

namespace picollm {

/// {"panels": [panel][block: {"columns", "width", "losses"}], "more": {"bytes",
/// "saved"}, "steepest": {"columns", "from", "to", "bytes", "saved"}} of one
/// matrix. Blocks are in stored order; "losses" go by candidateWidths, "width"
/// is the index of the chosen one there. "more": the next width for every
/// block; "steepest": the step of one block that saves most loss by the byte,
/// absent where none saves any. Null where the losses are not those of the
/// layout's blocks.
nlohmann::ordered_json blockLosses(const LossTable &table,
                                   const StackAllocation &stack);

} // namespace picollm

#endif // PICOLLM_LIB_REPORT_BLOCKLOSSES_H
