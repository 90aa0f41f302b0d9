//===- Passes.td - from float weights to a weight file -----*- tablegen -*-===//

#ifndef PICOLLM_COMPRESSION_PASSES_TD
#define PICOLLM_COMPRESSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def CheckWeights : Pass<"picollm-check-weights", "::mlir::ModuleOp"> {
  let summary = "fails where a weight is no finite number";
  let description = [{
    Decodes every weight once. The error names the tensor, how many of its
    values are NaN or infinite, and where the first one is. The module is left
    as it is.
  }];
}

def Calibrate : Pass<"picollm-calibrate", "::mlir::ModuleOp"> {
  let summary = "measures what each block of columns loses at each width";
  let description = [{
    Runs the float model over texts, layer by layer, and writes the file of
    losses (LossFile.h). The module is left as it is. With `random` nothing
    runs: the losses are made up, for models whose speed is asked for.
  }];
  let options = [
    Option<"tokens", "tokens", "std::string", "\"\"",
           "file of token ids, one text a line">,
    Option<"losses", "losses", "std::string", "\"\"", "file to write">,
    Option<"random", "random", "bool", "false",
           "made-up losses instead of measured ones">,
    Option<"rowFeedback", "row-feedback", "bool", "true",
           "also keep the moments of outputs that feedback over rows needs">,
    Option<"checkpoint", "checkpoint", "std::string", "\"\"",
           "folder to keep what is done in, for the run after one that is "
           "killed">];
}

def AllocateBits : Pass<"picollm-allocate-bits", "::mlir::ModuleOp"> {
  let summary = "chooses the width of every block of columns";
  let description = [{
    Adds a planned `picollm_layout.weight` for every stack of matrices. Widths
    come from the losses and a budget for the whole weight file (`bits` per
    weight, or `size` in bytes), from an `allocation` (allocation.json), are 16
    everywhere (`half`), or one for all linear layers (`uniform`) and 8 for the
    matrices with a row per token, embedding and head, both in groups of 128
    columns.
    The module attribute `picollm.optimality` says how near the losses come to
    the least that the size allows.
  }];
  let options = [
    Option<"losses", "losses", "std::string", "\"\"", "file of losses">,
    Option<"bits", "bits", "double", "0", "bits per weight; 0: not given">,
    Option<"size", "size", "int64_t", "0", "bytes; 0: not given">,
    Option<"allocation", "allocation", "std::string", "\"\"",
           "allocation.json to follow">,
    Option<"half", "half", "bool", "false", "16 bits everywhere">,
    Option<"uniform", "uniform", "int64_t", "0",
           "width of all linear layers, in groups; 0: not given">];
  let dependentDialects = ["::picollm::layout::LayoutDialect"];
}

def Quantize : Pass<"picollm-quantize", "::mlir::ModuleOp"> {
  let summary = "float weights to codes at the planned widths";
  let description = [{
    Error feedback behind what is already quantised: the model runs over the
    texts layer by layer, and each layer sees the errors of those before it. Its
    target is the output of the float model, which runs beside, or, without
    `drift`, that of the float weights.
    Where the plan has groups it is GPTQ as published: the target is the weights.
    Without tokens every weight there is rounded to the nearest, as those of
    matrices with a row per token always are. With `random` codes do not stand
    for the weights.
    Writes the file of codes (CodeFile.h).
  }];
  let options = [
    Option<"tokens", "tokens", "std::string", "\"\"",
           "file of token ids; not needed at 16 bits everywhere, to round or for "
           "random codes">,
    Option<"codes", "codes", "std::string", "\"\"", "file to write">,
    Option<"random", "random", "bool", "false",
           "random codes instead of the weights'">,
    Option<"drift", "drift", "bool", "true",
           "make good what the layers before have changed">,
    Option<"sweeps", "sweeps", "int64_t",
           "::picollm::QuantizationOptions().refinementSweeps",
           "of coordinate descent over the codes of a matrix">,
    Option<"checkpoint", "checkpoint", "std::string", "\"\"",
           "folder to keep what is done in, for the run after one that is "
           "killed">];
}

def Tune : Pass<"picollm-tune", "::mlir::ModuleOp"> {
  let summary = "scales and norms by the gradient of the model's error";
  let description = [{
    The codes stay as they are; row scales, column scales and norms descend
    along the gradient of the Kullback-Leibler divergence between the float
    model's predictions and the quantised one's, a text a step. Writes the
    tuned file of codes (CodeFile.h), norms behind the matrices.
  }];
  let options = [
    Option<"tokens", "tokens", "std::string", "\"\"",
           "file of token ids, one text a line">,
    Option<"codes", "codes", "std::string", "\"\"", "file to write">,
    Option<"minutes", "minutes", "double", "0",
           "as many steps as the first one says fit; 0: see steps">,
    Option<"steps", "steps", "int64_t", "0",
           "so many steps, whatever time they take; 0: see minutes">,
    Option<"rate", "rate", "double", "0.003",
           "of the first step; falls to 0 along half a cosine">,
    Option<"checkpoint", "checkpoint", "std::string", "\"\"",
           "folder to keep what is done in, for the run after one that is "
           "killed">];
}

def Pack : Pass<"picollm-pack", "::mlir::ModuleOp"> {
  let summary = "codes to the weight file, in the order of the kernels";
  let description = [{
    Writes every matrix and the float vectors (norms) to the weight file and
    makes all references of the module point there, by the file's name without
    its folder. Sets the module attributes
    `picollm.build_id` and `picollm.weights_bytes`.
  }];
  let options = [
    Option<"weights", "weights", "std::string", "\"\"", "file to write">];
}

#endif // PICOLLM_COMPRESSION_PASSES_TD
