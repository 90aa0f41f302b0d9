// RUN: picollm-opt %s --verify-diagnostics --split-input-file

// One case for every rule of dialects/SPEC.md, section "Layout level".

// expected-error @below {{(panel_c1)}}
module attributes {test.value = #picollm_layout.panel<8: 9x16>} {}

// -----

// expected-error @below {{(panel_c1)}}
module attributes {test.value = #picollm_layout.panel<8: 4x12>} {}

// -----

// expected-error @below {{(panel_c1)}}
module attributes {test.value = #picollm_layout.panel<0: 4x16>} {}

// -----

// expected-error @below {{segment has groups of 32 columns, expected 128 (panel_c1)}}
module attributes {test.value = #picollm_layout.panel<8: 4x64 group 32>} {}

// -----

// expected-error @below {{segment of 16 bits has groups, which are for 1..8 bits (panel_c1)}}
module attributes {test.value = #picollm_layout.panel<8: 16x64 group 128>} {}

// -----

// expected-error @below {{segment of 0 bits has groups, which are for 1..8 bits (panel_c1)}}
module attributes {test.value = #picollm_layout.panel<8: 0x64 group 128>} {}

// -----

// expected-error @below {{(matrix_c1)}}
module attributes {test.value = !picollm_layout.matrix<16, [8: 4x8]>} {}

// -----

// expected-error @below {{(matrix_c1)}}
module attributes {test.value = !picollm_layout.matrix<16>} {}

// -----

// expected-error @below {{(encoded_panel_c1)}}
module attributes {test.value = #picollm_layout.encoded_panel<codes_i8 x 12>} {}

// -----

// expected-error @below {{(activation_c1)}}
module attributes {test.value = !picollm_layout.activation<[codes_i8 x 8], [codes_i8 x 16]>} {}

// -----

// expected-error @below {{(layout_weight_c1)}}
picollm_layout.weight @m : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]

// -----

// expected-error @below {{(layout_weight_c2)}}
picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "f16", hash = ""> sources ["w"]

// -----

// expected-error @below {{(layout_weight_c3)}}
picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 32, size = 512, encoding = "packed", hash = ""> sources ["w"]

// -----

// expected-error @below {{(layout_weight_c4)}}
picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 576, encoding = "packed", hash = ""> sources ["w"]

// -----

// expected-error @below {{(layout_weight_c5)}}
picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["a", "b"]

// -----

// expected-error @below {{has panels of the source "a" apart from each other, expected them in a row (layout_weight_c6)}}
picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16], [8: 4x16]> <file = "m", offset = 0, size = 1216, encoding = "packed", hash = ""> sources ["a", "b", "a"]

// -----

// A column twice.
// expected-error @below {{(layout_weight_c7)}}
picollm_layout.weight @m : !picollm_layout.matrix<8, [8: 4x8]> <file = "m", offset = 0, size = 384, encoding = "planned", hash = ""> sources ["a"] order [0, 1, 2, 3, 4, 5, 6, 6]

// -----

// A column too many.
// expected-error @below {{(layout_weight_c7)}}
picollm_layout.weight @m : !picollm_layout.matrix<8, [8: 4x8]> <file = "m", offset = 0, size = 384, encoding = "planned", hash = ""> sources ["a"] order [0, 1, 2, 3, 4, 5, 6, 7, 8]

// -----

// expected-error @below {{(layout_weight_c7)}}
picollm_layout.weight @m : !picollm_layout.matrix<8, [8: 4x8]> <file = "m", offset = 0, size = 384, encoding = "packed", hash = ""> sources ["a"] order [0, 1, 2, 3, 4, 5, 6, 7]

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(layout_embedding_c1)}}
  %0 = picollm_layout.embedding @w(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(layout_embedding_c1)}}
  %0 = picollm_layout.embedding @absent(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(layout_embedding_c2)}}
  %0 = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(layout_embedding_c3)}}
  %0 = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<4x16xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(layout_embedding_c4)}}
  %0 = picollm_layout.embedding @m(%t) scale -2.0 : (tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(layout_encode_c1)}}
  %0 = picollm_layout.encode %x for @w : tensor<?x16xf32> -> <[table4_i8 x 16]>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{(layout_encode_c2)}}
  %0 = picollm_layout.encode %x for @m : tensor<?x8xf32> -> <[table4_i8 x 16]>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(layout_encode_c3)}}
  %0 = picollm_layout.encode %x for @m : tensor<?x16xf32> -> <[codes_i8 x 16]>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(layout_encode_c3)}}
  %0 = picollm_layout.encode %x for @m : tensor<?x16xf32> -> <[table4_i8 x 8, table4_i8 x 8]>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: !picollm_layout.activation<[table4_i8 x 16], [table4_i8 x 16]>) {
  // expected-error @below {{(layout_linear_c1)}}
  %0:2 = picollm_layout.linear %x, @w : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x8xf32>, tensor<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: !picollm_layout.activation<[table4_i8 x 16]>) {
  // expected-error @below {{(layout_linear_c2)}}
  %0:2 = picollm_layout.linear %x, @two : <[table4_i8 x 16]> -> tensor<?x8xf32>, tensor<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: !picollm_layout.activation<[table4_i8 x 16], [table4_i8 x 16]>) {
  // expected-error @below {{(layout_linear_c3)}}
  %0:1 = picollm_layout.linear %x, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: !picollm_layout.activation<[table4_i8 x 16], [table4_i8 x 16]>) {
  // expected-error @below {{(layout_linear_c4)}}
  %0:2 = picollm_layout.linear %x, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x8xf32>, tensor<?x16xf32>
  return
}

// -----

// Two panels of one source.
picollm_layout.weight @split : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "a"]
func.func @f(%x: !picollm_layout.activation<[table4_i8 x 16], [table4_i8 x 16]>) {
  // expected-error @below {{has 2 results, expected 1, one for each source (layout_linear_c3)}}
  %0:2 = picollm_layout.linear %x, @split : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x8xf32>, tensor<?x8xf32>
  return
}

// -----

picollm_layout.weight @split : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "a"]
func.func @f(%x: !picollm_layout.activation<[table4_i8 x 16], [table4_i8 x 16]>) {
  // expected-error @below {{has a result of 8 columns, expected the source's 16 rows (layout_linear_c4)}}
  %0 = picollm_layout.linear %x, @split : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: !picollm_layout.activation<[table4_i8 x 16], [table4_i8 x 16]>) {
  // expected-error @below {{(layout_linear_c5)}}
  %0:2 = picollm_layout.linear %x, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x8xf32>, tensor<4x8xf32>
  return
}
