// RUN: picollm-opt %s | picollm-opt | FileCheck %s
// RUN: picollm-opt %s --emit-bytecode | picollm-opt | FileCheck %s

// CHECK: test.encoded = #picollm_layout.encoded_panel<none x 8, f32 x 8>
// CHECK-SAME: test.panel = #picollm_layout.panel<8: 0x8, 16x8>
module attributes {test.panel = #picollm_layout.panel<8: 0x8, 16x8>, test.encoded = #picollm_layout.encoded_panel<none x 8, f32 x 8>} {
  // A width of 0 must not read as a hexadecimal number.
  // CHECK: picollm_layout.weight @qkv : !picollm_layout.matrix<16, [16: 8x8, 4x8], [8: 3x16], [8: 16x8, 0x8]> <file = "m.weights", offset = 64, size = 1600, encoding = "packed", hash = ""> sources ["q", "k", "v"]
  picollm_layout.weight @qkv : !picollm_layout.matrix<16, [16: 8x8, 4x8], [8: 3x16], [8: 16x8, 0x8]> <file = "m.weights", offset = 64, size = 1600, encoding = "packed", hash = ""> sources ["q", "k", "v"]

  // Before it is packed, a matrix has no bytes of the weight file.
  // CHECK: picollm_layout.weight @planned : !picollm_layout.matrix<16, [8: 4x16]> <file = "losses.json", offset = 0, size = 512, encoding = "planned", hash = ""> sources ["w"]
  picollm_layout.weight @planned : !picollm_layout.matrix<16, [8: 4x16]> <file = "losses.json", offset = 0, size = 512, encoding = "planned", hash = ""> sources ["w"]
  // CHECK: picollm_layout.weight @ordered : {{.*}} sources ["w"] order [7, 1, 2, 3, 4, 5, 6, 0]
  picollm_layout.weight @ordered : !picollm_layout.matrix<8, [8: 4x8]> <file = "losses.json", offset = 0, size = 384, encoding = "planned", hash = ""> sources ["w"] order [7, 1, 2, 3, 4, 5, 6, 0]
  // CHECK: picollm_layout.weight @quantised : !picollm_layout.matrix<16, [8: 4x16]> <file = "codes", offset = 7, size = 212, encoding = "codes", hash = ""> sources ["w"]
  picollm_layout.weight @quantised : !picollm_layout.matrix<16, [8: 4x16]> <file = "codes", offset = 7, size = 212, encoding = "codes", hash = ""> sources ["w"]

  // CHECK: picollm_layout.weight @grouped : !picollm_layout.matrix<144, [8: 3x136 group 128, 4x8]> <file = "m.weights", offset = 2880, size = 2688, encoding = "packed", hash = ""> sources ["w"]
  picollm_layout.weight @grouped : !picollm_layout.matrix<144, [8: 3x136 group 128, 4x8]> <file = "m.weights", offset = 2880, size = 2688, encoding = "packed", hash = ""> sources ["w"]

  picollm_layout.weight @split : !picollm_layout.matrix<16, [32: 4x16], [8: 3x16], [8: 4x16]> <file = "m.weights", offset = 1664, size = 1216, encoding = "packed", hash = ""> sources ["a", "a", "b"]

  // CHECK-LABEL: func.func @layer
  func.func @layer(%tokens: tensor<?xi32>) -> tensor<?x16xf32> {
    // CHECK: picollm_layout.embedding @qkv(%{{.*}}) : (tensor<?xi32>) -> tensor<?x16xf32>
    %x = picollm_layout.embedding @qkv(%tokens) : (tensor<?xi32>) -> tensor<?x16xf32>
    // CHECK: picollm_layout.embedding @qkv(%{{.*}}) scale 4.000000e+00 : (tensor<?xi32>) -> tensor<?x16xf32>
    %xs = picollm_layout.embedding @qkv(%tokens) scale 4.0 : (tensor<?xi32>) -> tensor<?x16xf32>
    // CHECK: picollm_layout.encode %{{.*}} for @qkv : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [f32 x 8, none x 8]>
    %e = picollm_layout.encode %x for @qkv : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [f32 x 8, none x 8]>
    // CHECK: picollm_layout.linear %{{.*}}, @qkv : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [f32 x 8, none x 8]> -> tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %q, %k, %v = picollm_layout.linear %e, @qkv : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [f32 x 8, none x 8]> -> tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    // Panels of one source give one result.
    // CHECK: picollm_layout.linear %{{.*}}, @split : <[table4_i8 x 16], [table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x40xf32>, tensor<?x8xf32>
    %es = picollm_layout.encode %x for @split : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16], [table4_i8 x 16]>
    %ab:2 = picollm_layout.linear %es, @split : <[table4_i8 x 16], [table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x40xf32>, tensor<?x8xf32>
    return %q : tensor<?x16xf32>
  }
}
