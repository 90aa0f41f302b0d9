//===- Passes.td - passes between the levels ---------------*- tablegen -*-===//

#ifndef PICOLLM_TRANSFORMS_PASSES_TD
#define PICOLLM_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def KeepLayers : Pass<"picollm-keep-layers", "::mlir::ModuleOp"> {
  let summary = "a model of the first layers alone";
  let description = [{
    What follows the last layer then reads the residual stream behind the layers
    that are kept. Weights that nothing reads any more are erased. Serves to
    measure what a layer costs.
  }];
  let options = [
    Option<"layers", "layers", "int64_t", "1", "how many are kept">];
}

def ConvertModelToLayout
    : Pass<"picollm-convert-model-to-layout", "::mlir::ModuleOp"> {
  let summary = "products and look-ups by packed matrices";
  let description = [{
    The module holds a `picollm_layout.weight` for every packed matrix; its
    `sources` name the weights of the model whose rows its panels hold. Replaces
    `picollm.linear` and `picollm.logits` by `picollm_layout.encode` and
    `picollm_layout.linear`, `picollm.embedding` by its form of the layout
    level. Linears of one input whose weights are sources of one matrix become
    one product with several results. Erases the `picollm.weight`s replaced.
  }];
  let dependentDialects = ["::picollm::layout::LayoutDialect"];
}

def ConvertLayoutToStep
    : Pass<"picollm-convert-layout-to-step", "::mlir::ModuleOp"> {
  let summary = "the function @forward as a step on buffers";
  let description = [{
    Replaces `func @forward` by `picollm_step.program @step`. Norms and
    `wanted` become part of the encode that reads them, rotary embeddings of
    the attention, sums with the residual and gates of the linear whose result
    they take. The residual is updated in place. A function where some op
    cannot become part of another is refused.
  }];
  let options = [
    Option<"kvCache", "kv-cache", "::picollm::KVCacheType",
           "::picollm::KVCacheType::F16", "numbers of the KV cache: f16 or i8",
           [{llvm::cl::values(
               clEnumValN(::picollm::KVCacheType::F16, "f16", "binary16"),
               clEnumValN(::picollm::KVCacheType::I8, "i8", "8 bits"))}]>,
  ];
  let dependentDialects = ["::picollm::step::StepDialect"];
}

def InsertBarriers : Pass<"picollm-insert-barriers", "::mlir::ModuleOp"> {
  let summary = "orders the threads where an op depends on another";
  let description = [{
    Inserts a `picollm_step.barrier` before an op that reads or overwrites what
    an op since the last barrier wrote, or overwrites what one read.
  }];
  let dependentDialects = ["::picollm::step::StepDialect"];
}

def AssignBuffers : Pass<"picollm-assign-buffers", "::mlir::ModuleOp"> {
  let summary = "gives each buffer its place in scratch memory";
  let description = [{
    Buffers may share bytes if a barrier separates every use of the one from
    every use of the other. Sets `at` of every buffer and `scratch` of the
    program, both in bytes per token, multiples of 64. Runs after
    `picollm-insert-barriers`.
  }];
  let dependentDialects = ["::picollm::step::StepDialect"];
}

#endif // PICOLLM_TRANSFORMS_PASSES_TD
