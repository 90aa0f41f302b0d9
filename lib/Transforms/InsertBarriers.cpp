//===- InsertBarriers.cpp - orders the threads of a step ------------------===//

#include "PicoLLM/Step/Step.h"
#include "mlir/IR/Builders.h"
#include "picollm/Transforms/Passes.h"
#include "llvm/ADT/DenseSet.h"

namespace picollm {
#define GEN_PASS_DEF_INSERTBARRIERS
#include "picollm/Transforms/Passes.h.inc"
} // namespace picollm

using namespace mlir;
using namespace picollm;

namespace {

/// A buffer (by its value) or memory that has no value, as the KV cache.
using Place = const void *;

struct Accesses {
  llvm::DenseSet<Place> reads, writes;

  void clear() {
    reads.clear();
    writes.clear();
  }

  /// True if `later` must not start before all threads finished these.
  bool mustPrecede(const Accesses &later) const {
    auto overlap = [](const llvm::DenseSet<Place> &a,
                      const llvm::DenseSet<Place> &b) {
      return llvm::any_of(a, [&](Place place) { return b.contains(place); });
    };
    return overlap(writes, later.reads) || overlap(writes, later.writes) ||
           overlap(reads, later.writes);
  }

  void add(const Accesses &other) {
    reads.insert(other.reads.begin(), other.reads.end());
    writes.insert(other.writes.begin(), other.writes.end());
  }
};

Accesses accessesOf(Operation &op) {
  Accesses accesses;
  auto interface = dyn_cast<MemoryEffectOpInterface>(op);
  if (!interface)
    return accesses;
  SmallVector<MemoryEffects::EffectInstance> effects;
  interface.getEffects(effects);
  for (const MemoryEffects::EffectInstance &effect : effects) {
    Place place = effect.getValue() ? effect.getValue().getAsOpaquePointer()
                                    : effect.getResource();
    if (isa<MemoryEffects::Read>(effect.getEffect()))
      accesses.reads.insert(place);
    else if (isa<MemoryEffects::Write>(effect.getEffect()))
      accesses.writes.insert(place);
  }
  return accesses;
}

void insertBarriers(step::ProgramOp program) {
  Accesses sinceBarrier;
  for (Operation &op : program.getBody().front()) {
    if (isa<step::BarrierOp>(op)) {
      sinceBarrier.clear();
      continue;
    }
    Accesses accesses = accessesOf(op);
    if (sinceBarrier.mustPrecede(accesses)) {
      OpBuilder builder(&op);
      step::BarrierOp::create(builder, op.getLoc());
      sinceBarrier.clear();
    }
    sinceBarrier.add(accesses);
  }
}

struct InsertBarriers : picollm::impl::InsertBarriersBase<InsertBarriers> {
  void runOnOperation() override { getOperation().walk(insertBarriers); }
};

} // namespace
