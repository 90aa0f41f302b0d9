//===- Model.td - the picollm dialect: models over tensors -*- tablegen -*-===//

#ifndef PICOLLM_MODEL_TD
#define PICOLLM_MODEL_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Model_Dialect : Dialect {
  let name = "picollm";
  let cppNamespace = "::picollm::model";
  let summary = "language models over tensors: the level of import and calibration";
  let useDefaultAttributePrinterParser = 1;
}

//===-- Attributes --------------------------------------------------------===//

// Printed with escapes, so that any file name survives a round trip.
def Model_String : StringRefParameter<> {
  let printer = "$_printer.printString($_self)";
}

def Model_WeightRefAttr : AttrDef<Model_Dialect, "WeightRef"> {
  let mnemonic = "weight_ref";
  let summary = "bytes of a tensor in a file outside the IR";
  let description = [{
    `file` is relative to the directory of the IR or absolute; `offset` and
    `size` are in bytes; `encoding` is the storage type in lower case (`f32`,
    `f16`, `bf16`, `q4_1`, ..., or `packed` for a mixed-bit matrix); `hash` is
    the SHA-256 of the bytes in hexadecimal, or empty where unknown.
  }];
  let parameters = (ins Model_String:$file, "int64_t":$offset,
                        "int64_t":$size, Model_String:$encoding,
                        Model_String:$hash);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Model_ConfigAttr : AttrDef<Model_Dialect, "Config"> {
  let mnemonic = "config";
  let summary = "the shape of a model; module attribute `picollm.config`";
  let parameters = (ins Model_String:$name,
                        Model_String:$architecture,
                        "int64_t":$vocabulary, "int64_t":$context_length,
                        "int64_t":$layers, "int64_t":$embedding,
                        "int64_t":$heads, "int64_t":$kv_heads,
                        "int64_t":$head_size);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def Model_RotationAttr : AttrDef<Model_Dialect, "Rotation"> {
  let mnemonic = "rotation";
  let summary = "angles of a rotary embedding";
  let description = [{
    `frequencies`: radians per position of each rotated pair (head_size / 2 of
    them), after any RoPE scaling. `scale`: factor on cosine and sine (1 but
    for YaRN and LongRoPE). Pairs are (i, i + head_size / 2): rotate-half.
  }];
  let parameters = (ins "::mlir::DenseF64ArrayAttr":$frequencies,
                        "::mlir::FloatAttr":$scale);
  let assemblyFormat = "`<` struct(custom<Frequencies>($frequencies), $scale) `>`";
  let genVerifyDecl = 1;
}

def Model_GateFunction : I32EnumAttr<"GateFunction", "function of the gate", [
    I32EnumAttrCase<"SiLU", 0, "silu">,
    I32EnumAttrCase<"GeLUTanh", 1, "gelu_tanh">]> {
  let cppNamespace = "::picollm::model";
  let genSpecializedAttr = 0;
}
def Model_GateFunctionAttr : EnumAttr<Model_Dialect, Model_GateFunction, "gate">;

//===-- Types of operands --------------------------------------------------===//

def Model_Tokens : 1DTensorOf<[I32]>;       // tensor<?xi32>
// tensor<?xNxf32>: a row per token.
def Model_Activation : ConfinedType<2DTensorOf<[F32]>, [CPred<
    "!::llvm::cast<::mlir::ShapedType>($_self).isDynamicDim(1)">],
    "2D tensor of f32 with a static number of columns">;

//===-- Ops -----------------------------------------------------------------===//

class Model_Op<string mnemonic, list<Trait> traits = []>
    : Op<Model_Dialect, mnemonic, traits>;

def Model_WeightOp : Model_Op<"weight", [Symbol]> {
  let summary = "a tensor of parameters that lives in a file";
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
                       Model_WeightRefAttr:$ref,
                       OptionalAttr<I64Attr>:$interleaved_heads,
                       OptionalAttr<F64Attr>:$plus);
  let description = [{
    `interleaved_heads`: the file stores the rows of each of so many heads as
    interleaved pairs (GGUF's q and k of the Llama architecture): row i of a
    head of the weight is row 2 i of the head in the file, row
    i + head_size / 2 is row 2 i + 1. `plus`: the file stores every number less
    this (norms of Gemma, which transformers keeps without their 1).
  }];
  let assemblyFormat = [{$sym_name `:` $type $ref
      (`interleaved_heads` $interleaved_heads^)? (`plus` $plus^)? attr-dict}];
  let hasVerifier = 1;
}

def Model_EmbeddingOp : Model_Op<"embedding", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "rows of a weight, looked up by token, times `scale`";
  let arguments = (ins FlatSymbolRefAttr:$weight, Model_Tokens:$tokens,
                       OptionalAttr<F64Attr>:$scale);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = [{$weight `(` $tokens `)` (`scale` $scale^)? attr-dict `:`
      functional-type(operands, results)}];
  let hasVerifier = 1;
}

def Model_RMSNormOp : Model_Op<"rms_norm", [Pure, AllTypesMatch<["input", "result"]>,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "x * weight / sqrt(mean(x^2) + epsilon), per token";
  let description = [{
    With `heads`, every head of a row is normalised by itself; all share the
    weight.
  }];
  let arguments = (ins Model_Activation:$input, FlatSymbolRefAttr:$weight,
                       F64Attr:$epsilon, OptionalAttr<I64Attr>:$heads);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = [{$input `,` $weight `epsilon` $epsilon
      (`heads` $heads^)? attr-dict `:` type($input)}];
  let hasVerifier = 1;
}

def Model_LinearOp : Model_Op<"linear", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "y = W x, per token; W of rows (outputs) x columns (inputs)";
  let arguments = (ins Model_Activation:$input, FlatSymbolRefAttr:$weight);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
}

def Model_RotaryOp : Model_Op<"rotary", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "rotary position embedding of each head, rotate-half";
  let arguments = (ins Model_Activation:$input, Model_Tokens:$positions,
                       Model_RotationAttr:$rotation, I64Attr:$heads);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = [{$input `,` $positions `heads` $heads `rotation` $rotation
      attr-dict `:` type($input) `,` type($positions)}];
  let hasVerifier = 1;
}

def Model_AttentionOp : Model_Op<"attention", [
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "causal grouped-query attention over the KV cache of a layer";
  let description = [{
    Stores key and value (rounded to f16) of every token at its position of
    layer `layer`'s cache; then each query attends to the positions 0 .. its
    own, or with `window` to the last so many of them:
    softmax(scale * q k^T) v. Query head h reads KV head h / (heads / kv_heads).
  }];
  let arguments = (ins Model_Activation:$query, Model_Activation:$key,
                       Model_Activation:$value, Model_Tokens:$positions,
                       I64Attr:$layer, I64Attr:$heads, I64Attr:$kv_heads,
                       F64Attr:$scale, OptionalAttr<I64Attr>:$window);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = [{$query `,` $key `,` $value `,` $positions `layer` $layer
      `heads` $heads `kv_heads` $kv_heads `scale` $scale (`window` $window^)?
      attr-dict `:`
      functional-type(operands, results)}];
  let hasVerifier = 1;
}

def Model_GatedOp : Model_Op<"gated", [Pure,
    AllTypesMatch<["gate", "up", "result"]>]> {
  let summary = "function(gate) * up: the middle of a gated MLP";
  let arguments = (ins Model_GateFunctionAttr:$function, Model_Activation:$gate,
                       Model_Activation:$up);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = "`` $function $gate `,` $up attr-dict `:` type($gate)";
}

def Model_AddOp : Model_Op<"add", [Pure, Commutative,
    AllTypesMatch<["lhs", "rhs", "result"]>]> {
  let summary = "sum of two activations: the residual stream";
  let arguments = (ins Model_Activation:$lhs, Model_Activation:$rhs);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

def Model_WantedOp : Model_Op<"wanted", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "the rows of the tokens whose logits the caller wants";
  let description = [{
    The caller of the model names the first token whose logits it wants; the
    result holds that row and all later ones, so a second `wanted` changes
    nothing.
  }];
  let arguments = (ins Model_Activation:$input);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = "$input attr-dict `:` type($input)";
  let hasFolder = 1;
}

def Model_LogitsOp : Model_Op<"logits", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "y = W x over the vocabulary; W may be the embedding's weight";
  let arguments = (ins Model_Activation:$input, FlatSymbolRefAttr:$weight);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` functional-type(operands, results)";
}

#endif // PICOLLM_MODEL_TD
