// RUN: picollm-opt %s --picollm-convert-model-to-layout --verify-diagnostics --split-input-file

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{uses weight 'w', which is a source of no picollm_layout.weight; pack it first}}
  %0 = picollm.linear %x, @w : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm_layout.weight @a : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
// expected-error @below {{has the source 'w', expected each source in one matrix, found it in @a too}}
picollm_layout.weight @b : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm_layout.weight @a : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
func.func @f(%x: tensor<?x16xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{uses a weight of 8 x 16, expected the same of its packed form, found 16 x 16}}
  %0 = picollm.linear %x, @w : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm_layout.weight @a : !picollm_layout.matrix<16, [4: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["w", "w"]
func.func @f(%x: tensor<?x16xf32>) -> tensor<?x8xf32> {
  // expected-error @below {{uses a weight of 8 x 16, expected the same of its packed form, found 12 x 16}}
  %0 = picollm.linear %x, @w : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm_layout.weight @a : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["w", "v"]
func.func @f(%t: tensor<?xi32>) -> tensor<?x16xf32> {
  // expected-error @below {{looks up rows of 'w', expected a matrix of its own, found other sources in @a}}
  %0 = picollm.embedding @w(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}
