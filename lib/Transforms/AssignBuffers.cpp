//===- AssignBuffers.cpp - places of the buffers in scratch memory --------===//

#include "PicoLLM/Step/Step.h"
#include "mlir/IR/Builders.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <tuple>

namespace picollm {
#define GEN_PASS_DEF_ASSIGNBUFFERS
#include "picollm/Transforms/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

/// A buffer, its rounded size and the phases in which it is used. A phase is
/// the ops between two barriers: threads may be anywhere within it, so
/// buffers of one phase never share bytes.
struct Placement {
  step::BufferOp buffer;
  int64_t bytes = 0; ///< per token
  int64_t firstPhase = 0, lastPhase = 0;
  int64_t offset = 0; ///< bytes per token

  bool livesWith(const Placement &other) const {
    return firstPhase <= other.lastPhase && other.firstPhase <= lastPhase;
  }
};

std::vector<Placement> findLifetimes(step::ProgramOp program) {
  llvm::DenseMap<Operation *, int64_t> phases;
  int64_t phase = 0;
  for (Operation &op : program.getBody().front()) {
    phase += isa<step::BarrierOp>(op);
    phases[&op] = phase;
  }
  std::vector<Placement> placements;
  for (auto buffer : program.getBody().getOps<step::BufferOp>()) {
    Placement placement;
    placement.buffer = buffer;
    placement.bytes = llvm::alignTo(buffer.getBytesPerToken(), partAlignment);
    if (buffer.getResult().use_empty())
      placement.firstPhase = placement.lastPhase = phases[buffer];
    else
      placement.firstPhase = phase;
    for (Operation *user : buffer.getResult().getUsers()) {
      int64_t used = phases.lookup(user);
      placement.firstPhase = std::min(placement.firstPhase, used);
      placement.lastPhase = std::max(placement.lastPhase, used);
    }
    placements.push_back(placement);
  }
  return placements;
}

/// The lowest offset at which `placement` overlaps none of `placed`.
int64_t findOffset(const Placement &placement,
                   ArrayRef<const Placement *> placed) {
  std::vector<const Placement *> neighbours;
  for (const Placement *other : placed)
    if (other->livesWith(placement))
      neighbours.push_back(other);
  llvm::sort(neighbours, [](const Placement *a, const Placement *b) {
    return a->offset < b->offset;
  });
  int64_t offset = 0;
  for (const Placement *other : neighbours) {
    if (offset + placement.bytes <= other->offset)
      break;
    offset = std::max(offset, other->offset + other->bytes);
  }
  return offset;
}

/// Largest buffers first, each at the lowest place that is free: the total is
/// at or near the largest phase, the least possible.
void assignBuffers(step::ProgramOp program) {
  std::vector<Placement> placements = findLifetimes(program);
  std::vector<Placement *> order;
  for (Placement &placement : placements)
    order.push_back(&placement);
  llvm::sort(order, [](const Placement *a, const Placement *b) {
    // Equal sizes in the order of the program: pointers into one vector.
    return std::make_tuple(-a->bytes, a) < std::make_tuple(-b->bytes, b);
  });
  std::vector<const Placement *> placed;
  int64_t total = 0;
  for (Placement *placement : order) {
    placement->offset = findOffset(*placement, placed);
    placed.push_back(placement);
    total = std::max(total, placement->offset + placement->bytes);
    placement->buffer.setOffset(placement->offset);
  }
  program.setScratchBytesPerToken(total);
}

struct AssignBuffers : picollm::impl::AssignBuffersBase<AssignBuffers> {
  void runOnOperation() override { getOperation().walk(assignBuffers); }
};

} // namespace
