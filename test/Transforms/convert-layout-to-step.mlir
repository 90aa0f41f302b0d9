// RUN: picollm-opt %s --picollm-convert-layout-to-step | FileCheck %s

// CHECK-NOT: func.func
// CHECK: picollm_step.program @step(%tokens: memref<?xi32>, %logits: memref<?x32xf32>) {
// The angles come first; two numbers for each of the 4 frequencies.
// CHECK-NEXT: %[[ANGLES:.*]] = picollm_step.buffer : memref<?x8xf32>
// CHECK-NEXT: picollm_step.rotation #rotation into %[[ANGLES]]
// CHECK-NEXT: %[[X:.*]] = picollm_step.buffer : memref<?x16xf32>
// CHECK-NEXT: picollm_step.embedding @embd(%tokens) into %[[X]]
// 3 panels: codes of 8 columns and tables of 8, tables of 16, tables of 16;
// parts of 64 bytes, an odd number of them.
// CHECK-NEXT: %[[E:.*]] = picollm_step.buffer : memref<?x832xi8>
// CHECK-NEXT: picollm_step.encode %[[X]] for @qkv0 norm @attn_norm0 epsilon 1.000000e-05 into %[[E]]
// CHECK-NEXT: %[[Q:.*]] = picollm_step.buffer : memref<?x16xf32>
// CHECK-NEXT: %[[K:.*]] = picollm_step.buffer : memref<?x8xf32>
// CHECK-NEXT: %[[V:.*]] = picollm_step.buffer : memref<?x8xf32>
// CHECK-NEXT: picollm_step.linear store %[[E]], @qkv0 into %[[Q]], %[[K]], %[[V]]
// CHECK-NEXT: %[[A:.*]] = picollm_step.buffer : memref<?x16xf32>
// CHECK-NEXT: picollm_step.attention %[[Q]], %[[K]], %[[V]] angles %[[ANGLES]] layer 0 heads 2 kv_heads 1 scale 3.500000e-01 into %[[A]]
// CHECK-NEXT: %[[EA:.*]] = picollm_step.buffer : memref<?x192xi8>
// CHECK-NEXT: picollm_step.encode %[[A]] for @o0 into %[[EA]]
// The residual stays where it is.
// CHECK-NEXT: picollm_step.linear add %[[EA]], @o0 into %[[X]]
// CHECK-NEXT: %[[E1:.*]] = picollm_step.buffer : memref<?x448xi8>
// CHECK-NEXT: picollm_step.encode %[[X]] for @gate_up0 norm @ffn_norm0 epsilon 1.000000e-05 into %[[E1]]
// CHECK-NEXT: %[[M:.*]] = picollm_step.buffer : memref<?x24xf32>
// CHECK-NEXT: picollm_step.linear silu %[[E1]], @gate_up0 into %[[M]]
// CHECK-NEXT: %[[EM:.*]] = picollm_step.buffer : memref<?x320xi8>
// CHECK-NEXT: picollm_step.encode %[[M]] for @down0 into %[[EM]]
// CHECK-NEXT: picollm_step.linear add %[[EM]], @down0 into %[[X]]
// CHECK-NEXT: %[[EL:.*]] = picollm_step.buffer : memref<?x576xi8>
// CHECK-NEXT: picollm_step.encode wanted %[[X]] for @embd norm @output_norm epsilon 1.000000e-05 into %[[EL]]
// CHECK-NEXT: picollm_step.linear store wanted %[[EL]], @embd into %logits
// CHECK-NEXT: }

#rotation = #picollm.rotation<frequencies = [1.000000e+00, 2.500000e-01, 6.250000e-02, 1.562500e-02], scale = 1.000000e+00 : f64>
module {
  picollm_layout.weight @embd : !picollm_layout.matrix<16, [20: 8x8, 3x8], [12: 4x16]> <file = "tiny.weights", offset = 3968, size = 1024, encoding = "packed", hash = ""> sources ["token_embd", "token_embd"]
  picollm_layout.weight @qkv0 : !picollm_layout.matrix<16, [16: 8x8, 4x8], [8: 4x16], [8: 3x16]> <file = "tiny.weights", offset = 704, size = 1344, encoding = "packed", hash = ""> sources ["q0", "k0", "v0"]
  picollm_layout.weight @o0 : !picollm_layout.matrix<16, [16: 4x16]> <file = "tiny.weights", offset = 2048, size = 512, encoding = "packed", hash = ""> sources ["attn_out0"]
  picollm_layout.weight @gate_up0 : !picollm_layout.matrix<16, [24: 2x16], [24: 3x16]> <file = "tiny.weights", offset = 2560, size = 704, encoding = "packed", hash = ""> sources ["gate0", "up0"]
  picollm_layout.weight @down0 : !picollm_layout.matrix<24, [16: 16x8, 2x16]> <file = "tiny.weights", offset = 3264, size = 896, encoding = "packed", hash = ""> sources ["ffn_down0"]
  picollm.weight @attn_norm0 : tensor<16xf32> <file = "tiny.weights", offset = 0, size = 64, encoding = "f32", hash = "">
  picollm.weight @ffn_norm0 : tensor<16xf32> <file = "tiny.weights", offset = 0, size = 64, encoding = "f32", hash = "">
  picollm.weight @output_norm : tensor<16xf32> <file = "tiny.weights", offset = 0, size = 64, encoding = "f32", hash = "">
  func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
    %0 = picollm_layout.embedding @embd(%tokens) : (tensor<?xi32>) -> tensor<?x16xf32>
    %1 = picollm.rms_norm %0, @attn_norm0 epsilon 1.000000e-05 : tensor<?x16xf32>
    %2 = picollm_layout.encode %1 for @qkv0 : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [table4_i8 x 16]>
    %3:3 = picollm_layout.linear %2, @qkv0 : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
    %4 = picollm.rotary %3#0, %positions heads 2 rotation #rotation : tensor<?x16xf32>, tensor<?xi32>
    %5 = picollm.rotary %3#1, %positions heads 1 rotation #rotation : tensor<?x8xf32>, tensor<?xi32>
    %6 = picollm.attention %4, %5, %3#2, %positions layer 0 heads 2 kv_heads 1 scale 3.500000e-01 : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    %7 = picollm_layout.encode %6 for @o0 : tensor<?x16xf32> -> <[table4_i8 x 16]>
    %8 = picollm_layout.linear %7, @o0 : <[table4_i8 x 16]> -> tensor<?x16xf32>
    %9 = picollm.add %0, %8 : tensor<?x16xf32>
    %10 = picollm.rms_norm %9, @ffn_norm0 epsilon 1.000000e-05 : tensor<?x16xf32>
    %11 = picollm_layout.encode %10 for @gate_up0 : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
    %12:2 = picollm_layout.linear %11, @gate_up0 : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x24xf32>, tensor<?x24xf32>
    %13 = picollm.gated  silu %12#0, %12#1 : tensor<?x24xf32>
    %14 = picollm_layout.encode %13 for @down0 : tensor<?x24xf32> -> <[f32 x 8, table4_i8 x 16]>
    %15 = picollm_layout.linear %14, @down0 : <[f32 x 8, table4_i8 x 16]> -> tensor<?x16xf32>
    %16 = picollm.add %9, %15 : tensor<?x16xf32>
    %17 = picollm.rms_norm %16, @output_norm epsilon 1.000000e-05 : tensor<?x16xf32>
    %18 = picollm.wanted %17 : tensor<?x16xf32>
    %19 = picollm_layout.encode %18 for @embd : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16]>
    %20 = picollm_layout.linear %19, @embd : <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16]> -> tensor<?x32xf32>
    return %20 : tensor<?x32xf32>
  }
}
