// RUN: picollm-opt %s | picollm-opt | FileCheck %s
// RUN: picollm-opt %s --emit-bytecode | picollm-opt | FileCheck %s

// Long attributes are written once, under a name.
// CHECK-DAG: #config = #picollm.config<name = "tiny", architecture = "llama", vocabulary = 32, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 1, head_size = 8>
// CHECK-DAG: #rotation = #picollm.rotation<frequencies = [1.000000e+00, 2.500000e-01, 6.250000e-02, 1.562500e-02], scale = 1.000000e+00 : f64>
#config = #picollm.config<name = "tiny", architecture = "llama", vocabulary = 32, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 1, head_size = 8>
#rotation = #picollm.rotation<frequencies = [1.0, 0.25, 0.0625, 0.015625], scale = 1.0 : f64>

// CHECK: module attributes {picollm.config = #config}
module attributes {picollm.config = #config} {
  // CHECK: picollm.weight @token_embd.weight : tensor<32x16xf32> <file = "a \22quoted\22 name.gguf", offset = 0, size = 288, encoding = "q4_0", hash = "">
  picollm.weight @token_embd.weight : tensor<32x16xf32> <file = "a \22quoted\22 name.gguf", offset = 0, size = 288, encoding = "q4_0", hash = "">
  // CHECK: picollm.weight @q : tensor<16x16xf32> <file = "m.gguf", offset = 288, size = 512, encoding = "f16", hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"> interleaved_heads 2
  picollm.weight @q : tensor<16x16xf32> <file = "m.gguf", offset = 288, size = 512, encoding = "f16", hash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"> interleaved_heads 2
  picollm.weight @kv : tensor<8x16xf32> <file = "m.gguf", offset = 800, size = 512, encoding = "f32", hash = "">
  picollm.weight @norm : tensor<16xf32> <file = "m.gguf", offset = 1312, size = 64, encoding = "f32", hash = "">
  // CHECK: picollm.weight @shifted : tensor<16xf32> <file = "m.gguf", offset = 1408, size = 64, encoding = "f32", hash = ""> plus 1.000000e+00
  picollm.weight @shifted : tensor<16xf32> <file = "m.gguf", offset = 1408, size = 64, encoding = "f32", hash = ""> plus 1.0
  picollm.weight @head_norm : tensor<8xf32> <file = "m.gguf", offset = 1376, size = 32, encoding = "f32", hash = "">

  // CHECK-LABEL: func.func @forward(
  // CHECK-SAME: %[[TOKENS:.*]]: tensor<?xi32>, %[[POSITIONS:.*]]: tensor<?xi32>)
  func.func @forward(%tokens: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x32xf32> {
    // CHECK: picollm.embedding @token_embd.weight(%[[TOKENS]]) : (tensor<?xi32>) -> tensor<?x16xf32>
    %x = picollm.embedding @token_embd.weight(%tokens) : (tensor<?xi32>) -> tensor<?x16xf32>
    // CHECK: picollm.embedding @token_embd.weight(%[[TOKENS]]) scale 4.000000e+00 : (tensor<?xi32>) -> tensor<?x16xf32>
    %xs = picollm.embedding @token_embd.weight(%tokens) scale 4.0 : (tensor<?xi32>) -> tensor<?x16xf32>
    // CHECK: picollm.rms_norm %{{.*}}, @head_norm epsilon 1.000000e-05 heads 2 : tensor<?x16xf32>
    %h = picollm.rms_norm %xs, @head_norm epsilon 1.0e-05 heads 2 : tensor<?x16xf32>
    // CHECK: picollm.rms_norm %{{.*}}, @norm epsilon 1.000000e-05 : tensor<?x16xf32>
    %n = picollm.rms_norm %x, @norm epsilon 1.0e-05 : tensor<?x16xf32>
    // CHECK: picollm.linear %{{.*}}, @q : (tensor<?x16xf32>) -> tensor<?x16xf32>
    %q = picollm.linear %n, @q : (tensor<?x16xf32>) -> tensor<?x16xf32>
    %k = picollm.linear %n, @kv : (tensor<?x16xf32>) -> tensor<?x8xf32>
    // CHECK: picollm.rotary %{{.*}}, %[[POSITIONS]] heads 2 rotation #rotation : tensor<?x16xf32>, tensor<?xi32>
    %rq = picollm.rotary %q, %positions heads 2 rotation #rotation : tensor<?x16xf32>, tensor<?xi32>
    // CHECK: picollm.attention %{{.*}}, %{{.*}}, %{{.*}}, %[[POSITIONS]] layer 0 heads 2 kv_heads 1 scale 3.500000e-01 : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    %a = picollm.attention %rq, %k, %k, %positions layer 0 heads 2 kv_heads 1 scale 0.35 : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    // CHECK: picollm.attention %{{.*}}, %{{.*}}, %{{.*}}, %[[POSITIONS]] layer 1 heads 2 kv_heads 1 scale 3.500000e-01 window 5 : (
    %b = picollm.attention %h, %k, %k, %positions layer 1 heads 2 kv_heads 1 scale 0.35 window 5 : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    // CHECK: picollm.add %{{.*}}, %{{.*}} : tensor<?x16xf32>
    %r = picollm.add %x, %a : tensor<?x16xf32>
    // CHECK: picollm.gated silu %{{.*}}, %{{.*}} : tensor<?x16xf32>
    %s = picollm.gated silu %r, %n : tensor<?x16xf32>
    // CHECK: picollm.gated gelu_tanh %{{.*}}, %{{.*}} : tensor<?x16xf32>
    %t = picollm.gated gelu_tanh %s, %n : tensor<?x16xf32>
    // CHECK: picollm.wanted %{{.*}} : tensor<?x16xf32>
    %w = picollm.wanted %t : tensor<?x16xf32>
    // CHECK: picollm.logits %{{.*}}, @token_embd.weight : (tensor<?x16xf32>) -> tensor<?x32xf32>
    %l = picollm.logits %w, @token_embd.weight : (tensor<?x16xf32>) -> tensor<?x32xf32>
    return %l : tensor<?x32xf32>
  }
}
