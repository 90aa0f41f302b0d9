// RUN: picollm-opt %s --picollm-convert-model-to-layout | FileCheck %s

// One layer of a tiny llama: q, k and v are panels of one matrix, gate and up
// of another, the head is the embedding.

#rotation = #picollm.rotation<frequencies = [1.0, 0.25, 0.0625, 0.015625], scale = 1.0 : f64>

picollm_layout.weight @embd : !picollm_layout.matrix<16, [32: 8x8, 3x8]>
  <file = "tiny.weights", offset = 64, size = 640, encoding = "packed", hash = "">
  sources ["token_embd"]
picollm_layout.weight @qkv0 : !picollm_layout.matrix<16, [16: 8x8, 4x8], [8: 4x16], [8: 3x16]>
  <file = "tiny.weights", offset = 704, size = 1344, encoding = "packed", hash = "">
  sources ["q0", "k0", "v0"]
picollm_layout.weight @o0 : !picollm_layout.matrix<16, [16: 4x16]>
  <file = "tiny.weights", offset = 2048, size = 512, encoding = "packed", hash = "">
  sources ["attn_out0"]
picollm_layout.weight @gate_up0 : !picollm_layout.matrix<16, [24: 2x16], [24: 3x16]>
  <file = "tiny.weights", offset = 2560, size = 704, encoding = "packed", hash = "">
  sources ["gate0", "up0"]
picollm_layout.weight @down0 : !picollm_layout.matrix<24, [16: 16x8, 2x16]>
  <file = "tiny.weights", offset = 3264, size = 896, encoding = "packed", hash = "">
  sources ["ffn_down0"]
picollm.weight @token_embd : tensor<32x16xf32>
  <file = "tiny.gguf", offset = 0, size = 2048, encoding = "f32", hash = "">
picollm.weight @q0 : tensor<16x16xf32>
  <file = "tiny.gguf", offset = 0, size = 1024, encoding = "f32", hash = "">
picollm.weight @k0 : tensor<8x16xf32>
  <file = "tiny.gguf", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @v0 : tensor<8x16xf32>
  <file = "tiny.gguf", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @attn_out0 : tensor<16x16xf32>
  <file = "tiny.gguf", offset = 0, size = 1024, encoding = "f32", hash = "">
picollm.weight @gate0 : tensor<24x16xf32>
  <file = "tiny.gguf", offset = 0, size = 1536, encoding = "f32", hash = "">
picollm.weight @up0 : tensor<24x16xf32>
  <file = "tiny.gguf", offset = 0, size = 1536, encoding = "f32", hash = "">
picollm.weight @ffn_down0 : tensor<16x24xf32>
  <file = "tiny.gguf", offset = 0, size = 1536, encoding = "f32", hash = "">
picollm.weight @attn_norm0 : tensor<16xf32>
  <file = "tiny.weights", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @ffn_norm0 : tensor<16xf32>
  <file = "tiny.weights", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @output_norm : tensor<16xf32>
  <file = "tiny.weights", offset = 0, size = 64, encoding = "f32", hash = "">

// The packed weights of the model are gone, the norms stay.
// CHECK-NOT: picollm.weight @q0
// CHECK-NOT: picollm.weight @token_embd
// CHECK: picollm.weight @attn_norm0
// CHECK-LABEL: func.func @forward(
// CHECK-SAME: %[[TOKENS:.*]]: tensor<?xi32>, %[[POSITIONS:.*]]: tensor<?xi32>)
// CHECK-NEXT: %[[X0:.*]] = picollm_layout.embedding @embd(%[[TOKENS]])
// CHECK-NEXT: %[[N0:.*]] = picollm.rms_norm %[[X0]], @attn_norm0
// CHECK-NEXT: %[[E0:.*]] = picollm_layout.encode %[[N0]] for @qkv0 : tensor<?x16xf32> -> <[codes_i8 x 8, table4_i8 x 8], [table4_i8 x 16], [table4_i8 x 16]>
// CHECK-NEXT: %[[QKV:.*]]:3 = picollm_layout.linear %[[E0]], @qkv0 : {{.*}} -> tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>
// CHECK-NEXT: %[[RQ:.*]] = picollm.rotary %[[QKV]]#0
// CHECK-NEXT: %[[RK:.*]] = picollm.rotary %[[QKV]]#1
// CHECK-NEXT: %[[A:.*]] = picollm.attention %[[RQ]], %[[RK]], %[[QKV]]#2
// CHECK-NEXT: %[[EA:.*]] = picollm_layout.encode %[[A]] for @o0
// CHECK-NEXT: %[[O:.*]] = picollm_layout.linear %[[EA]], @o0
// CHECK-NEXT: %[[X1:.*]] = picollm.add %[[X0]], %[[O]]
// CHECK-NEXT: %[[N1:.*]] = picollm.rms_norm %[[X1]], @ffn_norm0
// CHECK-NEXT: %[[E1:.*]] = picollm_layout.encode %[[N1]] for @gate_up0
// CHECK-NEXT: %[[GU:.*]]:2 = picollm_layout.linear %[[E1]], @gate_up0
// CHECK-NEXT: %[[M:.*]] = picollm.gated silu %[[GU]]#0, %[[GU]]#1
// CHECK-NEXT: %[[EM:.*]] = picollm_layout.encode %[[M]] for @down0
// CHECK-NEXT: %[[D:.*]] = picollm_layout.linear %[[EM]], @down0
// CHECK-NEXT: %[[X2:.*]] = picollm.add %[[X1]], %[[D]]
// CHECK-NEXT: %[[N2:.*]] = picollm.rms_norm %[[X2]], @output_norm
// CHECK-NEXT: %[[W:.*]] = picollm.wanted %[[N2]]
// CHECK-NEXT: %[[EW:.*]] = picollm_layout.encode %[[W]] for @embd
// CHECK-NEXT: %[[L:.*]] = picollm_layout.linear %[[EW]], @embd
// CHECK-NEXT: return %[[L]]
func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
  %x0 = picollm.embedding @token_embd(%tokens) : (tensor<?xi32>) -> tensor<?x16xf32>
  %n0 = picollm.rms_norm %x0, @attn_norm0 epsilon 1.0e-05 : tensor<?x16xf32>
  %q = picollm.linear %n0, @q0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %k = picollm.linear %n0, @k0 : (tensor<?x16xf32>) -> tensor<?x8xf32>
  %v = picollm.linear %n0, @v0 : (tensor<?x16xf32>) -> tensor<?x8xf32>
  %rq = picollm.rotary %q, %positions heads 2 rotation #rotation : tensor<?x16xf32>, tensor<?xi32>
  %rk = picollm.rotary %k, %positions heads 1 rotation #rotation : tensor<?x8xf32>, tensor<?xi32>
  %a = picollm.attention %rq, %rk, %v, %positions layer 0 heads 2 kv_heads 1 scale 0.35
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %o = picollm.linear %a, @attn_out0 : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %x1 = picollm.add %x0, %o : tensor<?x16xf32>
  %n1 = picollm.rms_norm %x1, @ffn_norm0 epsilon 1.0e-05 : tensor<?x16xf32>
  %g = picollm.linear %n1, @gate0 : (tensor<?x16xf32>) -> tensor<?x24xf32>
  %u = picollm.linear %n1, @up0 : (tensor<?x16xf32>) -> tensor<?x24xf32>
  %m = picollm.gated silu %g, %u : tensor<?x24xf32>
  %d = picollm.linear %m, @ffn_down0 : (tensor<?x24xf32>) -> tensor<?x16xf32>
  %x2 = picollm.add %x1, %d : tensor<?x16xf32>
  %n2 = picollm.rms_norm %x2, @output_norm epsilon 1.0e-05 : tensor<?x16xf32>
  %w = picollm.wanted %n2 : tensor<?x16xf32>
  %l = picollm.logits %w, @token_embd : (tensor<?x16xf32>) -> tensor<?x32xf32>
  return %l : tensor<?x32xf32>
}
