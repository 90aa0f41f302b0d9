//===- Step.td - the compiled step: buffers, threads, barriers -*- td -*---===//

#ifndef PICOLLM_STEP_TD
#define PICOLLM_STEP_TD

include "mlir/IR/OpAsmInterface.td"
include "PicoLLM/Layout/LayoutDialect.td"
include "PicoLLM/Step/StepEnums.td"

def Step_Dialect : Dialect {
  let name = "picollm_step";
  let cppNamespace = "::picollm::step";
  let summary = "what every thread does in one step: kernels on buffers, and barriers";
  let dependentDialects = ["::picollm::layout::LayoutDialect",
                           "::mlir::memref::MemRefDialect"];
  let useDefaultAttributePrinterParser = 1;
}

def Step_KVCache : Resource<"::picollm::step::KVCache">;

// memref<?xNxf32>: a row per token. Encoded: memref<?xBYTESxi8>.
def Step_Floats : MemRefRankOf<[F32], [2]>;
def Step_Bytes : MemRefRankOf<[I8], [2]>;
def Step_Tokens : MemRefRankOf<[I32], [1]>;
def Step_Buffer : AnyTypeOf<[Step_Floats, Step_Bytes]>;

def Step_EpilogueAttr : EnumAttr<Step_Dialect, Step_Epilogue, "epilogue">;

class Step_Op<string mnemonic, list<Trait> traits = []>
    : Op<Step_Dialect, mnemonic, traits>;

def Step_ProgramOp : Step_Op<"program", [Symbol, IsolatedFromAbove,
    SingleBlock, NoTerminator,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "the step as one list of ops that every thread runs";
  let description = [{
    `picollm_step.program @step(%tokens: memref<?xi32>, %logits:
    memref<?x32xf32>) {...}`, with `scratch 640` before the body once the
    buffers have offsets: scratch bytes per token, a multiple of 64.
    Block arguments: tokens memref<?xi32> and logits memref<?xVxf32> (a row per
    wanted token). Threads share all buffers; an op divides its work among the
    threads and gives no order between them: only `barrier` does.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       OptionalAttr<I64Attr>:$scratch_bytes_per_token);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Step_BufferOp : Step_Op<"buffer", [MemoryEffects<[MemAlloc]>]> {
  let summary = "scratch memory with a row per token, shared by the threads";
  let description = [{
    `offset`, once assigned, is where the buffer starts in scratch, in bytes
    per token: with T tokens it starts at byte T * offset.
  }];
  let arguments = (ins OptionalAttr<I64Attr>:$offset);
  let results = (outs Step_Buffer:$result);
  let assemblyFormat = "(`at` $offset^)? attr-dict `:` type($result)";
  let extraClassDeclaration = [{
    /// Bytes of one token's row.
    int64_t getBytesPerToken();
  }];
  let hasVerifier = 1;
}

def Step_BarrierOp : Step_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "no thread goes on before all have come here";
  let assemblyFormat = "attr-dict";
}

def Step_EmbeddingOp : Step_Op<"embedding", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "output = decoded rows of a packed matrix, times `scale`; threads divide the tokens";
  let arguments = (ins FlatSymbolRefAttr:$weight,
      Arg<Step_Tokens, "", [MemRead]>:$tokens, OptionalAttr<F64Attr>:$scale,
      Arg<Step_Floats, "", [MemWrite]>:$output);
  let assemblyFormat = [{$weight `(` $tokens `)` (`scale` $scale^)? `into` $output
      attr-dict `:` type($tokens) `,` type($output)}];
  let hasVerifier = 1;
}

def Step_AddNormOp : Step_Op<"add_norm", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "output = output + rms_norm(input); threads divide the tokens";
  let arguments = (ins Arg<Step_Floats, "", [MemRead]>:$input,
      FlatSymbolRefAttr:$norm, F64Attr:$epsilon,
      Arg<Step_Floats, "", [MemRead, MemWrite]>:$output);
  let assemblyFormat = [{$input `norm` $norm `epsilon` $epsilon `into` $output
      attr-dict `:` type($input) `,` type($output)}];
  let hasVerifier = 1;
}

def Step_EncodeOp : Step_Op<"encode", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "output = input, normalised (`norm`), encoded for a matrix";
  let description = [{
    With `norm`, input is first multiplied by norm / sqrt(mean(input^2) +
    epsilon). With `wanted`, only the tokens whose logits are wanted are read;
    they become rows 0, 1, ... of the output. Threads divide the blocks.
  }];
  let arguments = (ins Arg<Step_Floats, "", [MemRead]>:$input,
      FlatSymbolRefAttr:$weight, OptionalAttr<FlatSymbolRefAttr>:$norm,
      OptionalAttr<F64Attr>:$epsilon, UnitAttr:$wanted,
      Arg<Step_Bytes, "", [MemWrite]>:$output);
  let assemblyFormat = [{(`wanted` $wanted^)? $input `for` $weight
      (`norm` $norm^ `epsilon` $epsilon)? `into` $output attr-dict `:`
      type($input) `,` type($output)}];
  let hasVerifier = 1;
}

def Step_LinearOp : Step_Op<"linear", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "products of encoded activations with a packed matrix";
  let description = [{
    `store`: one output per source, y. `add`: one source, output += y. `silu`
    and `gelu_tanh`: two sources of one panel each and equal rows, output =
    function(y0) * y1. With `wanted`, the rows of the input are the wanted
    tokens. Threads divide the tiles of rows; for two panels with a gate, a
    thread takes the same tiles of both.
  }];
  let arguments = (ins Step_EpilogueAttr:$epilogue, UnitAttr:$wanted,
      Arg<Step_Bytes, "", [MemRead]>:$input, FlatSymbolRefAttr:$weight,
      Arg<Variadic<Step_Floats>, "", [MemRead, MemWrite]>:$outputs);
  let assemblyFormat = [{`` $epilogue (`wanted` $wanted^)? $input `,` $weight
      `into` $outputs attr-dict `:` type($input) `,` type($outputs)}];
  let hasVerifier = 1;
}

def Step_RotationOp : Step_Op<"rotation"> {
  let summary = "cosines and sines of the positions of the step's tokens";
  let description = [{output row: head_size / 2 cosines, then as many sines, each
    times the rotation's scale. Threads divide the tokens.}];
  let arguments = (ins Model_RotationAttr:$rotation,
      Arg<Step_Floats, "", [MemWrite]>:$output);
  let assemblyFormat = "$rotation `into` $output attr-dict `:` type($output)";
  let hasVerifier = 1;
}

def Step_AttentionOp : Step_Op<"attention", [
    DeclareOpInterfaceMethods<SymbolUserOpInterface>,
    MemoryEffects<[MemRead<Step_KVCache>, MemWrite<Step_KVCache>]>]> {
  let summary = "normalises and rotates q and k, stores k and v in the KV cache, attends";
  let description = [{
    As picollm.rms_norm of each head of query and key, by the weights `norms`,
    then picollm.rotary of both, then picollm.attention. `angles` is the output
    of `rotation`; without it nothing is rotated, without `norms` nothing is
    normalised. `cache i8` keeps k and v as codes of 8 bits with a scale for each
    head (KVCacheType in include/picollm/Attention/Attention.h), `cache f16`, the
    default, as binary16. The query is changed in place, with `cache i8` the key
    too: no later op may read them. Threads divide the KV heads, and the positions
    of a long context.
  }];
  let arguments = (ins Arg<Step_Floats, "", [MemRead, MemWrite]>:$query,
      Arg<Step_Floats, "", [MemRead, MemWrite]>:$key,
      Arg<Step_Floats, "", [MemRead]>:$value,
      Arg<Optional<Step_Floats>, "", [MemRead]>:$angles,
      OptionalAttr<FlatSymbolRefAttr>:$query_norm,
      OptionalAttr<FlatSymbolRefAttr>:$key_norm, OptionalAttr<F64Attr>:$epsilon,
      I64Attr:$layer, I64Attr:$heads, I64Attr:$kv_heads, F64Attr:$scale,
      OptionalAttr<I64Attr>:$window, OptionalAttr<TypeAttr>:$cache,
      Arg<Step_Floats, "", [MemWrite]>:$output);
  let assemblyFormat = [{$query `,` $key `,` $value (`angles` $angles^)?
      (`norms` $query_norm^ `,` $key_norm `epsilon` $epsilon)?
      `layer` $layer `heads` $heads `kv_heads` $kv_heads `scale` $scale
      (`window` $window^)? (`cache` $cache^)? `into` $output attr-dict `:`
      type(operands)}];
  let extraClassDeclaration = [{
    /// Whether the KV cache has codes of 8 bits instead of binary16.
    bool cachesCodes();
  }];
  let hasVerifier = 1;
}

#endif // PICOLLM_STEP_TD
