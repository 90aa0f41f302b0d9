//===- LayoutDialect.td - mixed-bit matrices and encodings -*- tablegen -*-===//

#ifndef PICOLLM_LAYOUT_TD
#define PICOLLM_LAYOUT_TD

include "PicoLLM/Model/Model.td"

def Layout_Dialect : Dialect {
  let name = "picollm_layout";
  let cppNamespace = "::picollm::layout";
  let summary = "matrices as panels and segments, activations with an encoding";
  let dependentDialects = ["::picollm::model::ModelDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Layout_PanelAttr : AttrDef<Layout_Dialect, "Panel"> {
  let mnemonic = "panel";
  let summary = "rows with one list of segments: `<576: 8x32, 4x544>`";
  let description = [{
    `rows: bits x columns, ...` in stored order of columns. `3x576 group 128`:
    each 128 columns of the segment have a scale and a zero in every row; 0 in
    `group` where they have not.
  }];
  let parameters = (ins "int64_t":$rows, ArrayRefParameter<"int64_t">:$bits,
                        ArrayRefParameter<"int64_t">:$columns,
                        ArrayRefParameter<"int64_t">:$group);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

class Layout_Type<string name, string typeMnemonic>
    : TypeDef<Layout_Dialect, name> { let mnemonic = typeMnemonic; }

def Layout_MatrixType : Layout_Type<"Matrix", "matrix"> {
  let summary = "a packed mixed-bit matrix: `<576, [576: 8x32, 4x544], [192: 3x576]>`";
  let description = [{Input columns, then one bracket per row panel. The bytes
    are defined in include/picollm/Layout/Layout.h.}];
  let parameters = (ins "int64_t":$columns,
                        ArrayRefParameter<"::picollm::layout::PanelAttr">:$panels);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The same as a plain struct, for sizes and offsets.
    ::picollm::MatrixLayout getLayout() const;
    static MatrixType get(::mlir::MLIRContext *context,
                          const ::picollm::MatrixLayout &layout);
    /// The type of an activation encoded for this matrix.
    ::picollm::layout::ActivationType getActivationType() const;
  }];
}

def Layout_ActivationType : Layout_Type<"Activation", "activation"> {
  let summary = "an activation permuted, scaled and encoded for one matrix";
  let description = [{
    `<[f32 x 32, codes_i8 x 256, table4_i8 x 288], [codes_i8 x 576]>`: for
    every panel of the matrix, the encoding and columns of each segment. Any
    number of tokens. Encodings: `none` (width 0), `table4_i8` (widths 1-4;
    codes_i8 where tokens are many), `codes_i8` (5-8), `f32` (16).
    `matrix.getActivationType()` derives it.
  }];
  let parameters = (ins ArrayRefParameter<"::picollm::layout::EncodedPanelAttr">:$panels);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

def Layout_EncodedPanelAttr : AttrDef<Layout_Dialect, "EncodedPanel"> {
  let mnemonic = "encoded_panel";
  let summary = "encodings of the segments of one panel";
  let parameters = (ins
      ArrayRefParameter<"::picollm::ActivationEncoding">:$encodings,
      ArrayRefParameter<"int64_t">:$columns);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
}

class Layout_Op<string mnemonic, list<Trait> traits = []>
    : Op<Layout_Dialect, mnemonic, traits>;

def Layout_MatrixOp : Layout_Op<"weight", [Symbol]> {
  let summary = "a mixed-bit matrix that lives in a file";
  let description = [{
    `sources` names, panel by panel, the matrix of the model whose rows the
    panel holds; neighbouring panels may hold the rows of one. The encoding of
    `ref` says how far compression has come: `planned` (the widths are chosen;
    the file is calibration's, which has the order of columns unless `order` has
    it), `codes` (in a file of codes), `packed` (in the weight file).
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttr:$type,
                       Model_WeightRefAttr:$ref, StrArrayAttr:$sources,
                       OptionalAttr<DenseI32ArrayAttr>:$order);
  let assemblyFormat = [{$sym_name `:` $type $ref `sources` $sources
      (`order` $order^)? attr-dict}];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The panels of each source, in order.
    ::llvm::SmallVector<::picollm::PanelRange> getSourcePanels();
  }];
}

def Layout_EmbeddingOp : Layout_Op<"embedding", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "rows of a packed matrix, decoded to float in input order, times `scale`";
  let arguments = (ins FlatSymbolRefAttr:$weight, Model_Tokens:$tokens,
                       OptionalAttr<F64Attr>:$scale);
  let results = (outs Model_Activation:$result);
  let assemblyFormat = [{$weight `(` $tokens `)` (`scale` $scale^)? attr-dict `:`
      functional-type(operands, results)}];
  let hasVerifier = 1;
}

def Layout_EncodeOp : Layout_Op<"encode", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "permutes, scales by the column scales and encodes for a matrix";
  let arguments = (ins Model_Activation:$input, FlatSymbolRefAttr:$weight);
  let results = (outs Layout_ActivationType:$result);
  let assemblyFormat = "$input `for` $weight attr-dict `:` type($input) `->` type($result)";
}

def Layout_LinearOp : Layout_Op<"linear", [Pure,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "y = W x with an encoded x; one result per source of W";
  let arguments = (ins Layout_ActivationType:$input, FlatSymbolRefAttr:$weight);
  let results = (outs Variadic<Model_Activation>:$results);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($input) `->` type($results)";
}

#endif // PICOLLM_LAYOUT_TD
