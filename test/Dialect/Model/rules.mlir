// RUN: picollm-opt %s --verify-diagnostics --split-input-file

// One case for every rule of dialects/SPEC.md, section "Model level".

// expected-error @below {{(weight_ref_c1)}}
picollm.weight @w : tensor<16xf32> <file = "", offset = 0, size = 64, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_ref_c1)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "", hash = "">

// -----

// expected-error @below {{(weight_ref_c2)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = -1, size = 64, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_ref_c2)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 0, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_ref_c3)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "12ab">

// -----

// expected-error @below {{(weight_ref_c3)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "GGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGGG">

// -----

// expected-error @below {{(config_c1)}}
module attributes {picollm.config = #picollm.config<name = "m", architecture = "llama", vocabulary = 32, context_length = 64, layers = 0, embedding = 16, heads = 2, kv_heads = 1, head_size = 8>} {}

// -----

// expected-error @below {{(config_c2)}}
module attributes {picollm.config = #picollm.config<name = "m", architecture = "llama", vocabulary = 32, context_length = 64, layers = 1, embedding = 16, heads = 3, kv_heads = 2, head_size = 8>} {}

// -----

// expected-error @below {{(rotation_c1)}}
module attributes {test.rotation = #picollm.rotation<frequencies = [], scale = 1.0 : f64>} {}

// -----

// expected-error @below {{(rotation_c1)}}
module attributes {test.rotation = #picollm.rotation<frequencies = [0x7FF0000000000000], scale = 1.0 : f64>} {}

// -----

// expected-error @below {{(rotation_c2)}}
module attributes {test.rotation = #picollm.rotation<frequencies = [1.0], scale = 0.0 : f64>} {}

// -----

// expected-error @below {{(rotation_c2)}}
module attributes {test.rotation = #picollm.rotation<frequencies = [1.0], scale = 1.0 : f32>} {}

// -----

// expected-error @below {{(weight_c1)}}
picollm.weight @w : tensor<2x2x4xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_c1)}}
picollm.weight @w : tensor<16xf16> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_c1)}}
picollm.weight @w : tensor<?xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_c1)}}
picollm.weight @w : i32 <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_c2)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 60, encoding = "f32", hash = "">

// -----

// expected-error @below {{(weight_c2)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "bf16", hash = "">

// -----

// expected-error @below {{(weight_c3)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = ""> interleaved_heads 2

// -----

// expected-error @below {{(weight_c3)}}
picollm.weight @w : tensor<6x2xf32> <file = "m", offset = 0, size = 48, encoding = "f32", hash = ""> interleaved_heads 2

// -----

// expected-error @below {{(weight_c3)}}
picollm.weight @w : tensor<6x2xf32> <file = "m", offset = 0, size = 48, encoding = "f32", hash = ""> interleaved_heads 0

// -----

// expected-error @below {{(weight_c4)}}
picollm.weight @w : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = ""> plus 0x7FF0000000000000

// -----

picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(embedding_c1)}}
  %0 = picollm.embedding @absent(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(embedding_c1)}}
  %0 = picollm.embedding @norm(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(embedding_c2)}}
  %0 = picollm.embedding @e(%t) : (tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(embedding_c3)}}
  %0 = picollm.embedding @e(%t) : (tensor<?xi32>) -> tensor<4x16xf32>
  return
}

// -----

picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
func.func @f(%t: tensor<?xi32>) {
  // expected-error @below {{(embedding_c4)}}
  %0 = picollm.embedding @e(%t) scale 0.0 : (tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(rms_norm_c1)}}
  %0 = picollm.rms_norm %x, @e epsilon 1.0e-05 : tensor<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{(rms_norm_c2)}}
  %0 = picollm.rms_norm %x, @norm epsilon 1.0e-05 : tensor<?x8xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(rms_norm_c2)}}
  %0 = picollm.rms_norm %x, @norm epsilon 1.0e-05 heads 2 : tensor<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @e : tensor<32x16xf32> <file = "m", offset = 0, size = 2048, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(rms_norm_c3)}}
  %0 = picollm.rms_norm %x, @norm epsilon -1.0 : tensor<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(rms_norm_c4)}}
  %0 = picollm.rms_norm %x, @norm epsilon 1.0e-05 heads 3 : tensor<?x16xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(linear_c1)}}
  %0 = picollm.linear %x, @norm : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(linear_c1)}}
  %0 = picollm.linear %x, @absent : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{(linear_c2)}}
  %0 = picollm.linear %x, @w : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(linear_c3)}}
  %0 = picollm.linear %x, @w : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(linear_c4)}}
  %0 = picollm.linear %x, @w : (tensor<?x16xf32>) -> tensor<4x8xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(logits_c1)}}
  %0 = picollm.logits %x, @norm : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(logits_c1)}}
  %0 = picollm.logits %x, @absent : (tensor<?x16xf32>) -> tensor<?x8xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{(logits_c2)}}
  %0 = picollm.logits %x, @w : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(logits_c3)}}
  %0 = picollm.logits %x, @w : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return
}

// -----

picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: tensor<?x16xf32>) {
  // expected-error @below {{(logits_c4)}}
  %0 = picollm.logits %x, @w : (tensor<?x16xf32>) -> tensor<4x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(rotary_c1)}}
  %0 = picollm.rotary %x, %p heads 3 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(rotary_c1)}}
  %0 = picollm.rotary %x, %p heads 0 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(rotary_c2)}}
  %0 = picollm.rotary %x, %p heads 1 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%x: tensor<?x16xf32>, %p: tensor<4xi32>) {
  // expected-error @below {{(rotary_c3)}}
  %0 = picollm.rotary %x, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<4xi32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c1)}}
  %0 = picollm.attention %q, %k, %v, %p layer -1 heads 2 kv_heads 1 scale 0.35
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c2)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 3 kv_heads 2 scale 0.35
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c2)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 2 kv_heads 0 scale 0.35
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x16xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c3)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 2 kv_heads 1 scale 0.35
    : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x17xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c3)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 2 kv_heads 1 scale 0.35
    : (tensor<?x17xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x17xf32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c4)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 2 kv_heads 1 scale 0.35
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<4xi32>) {
  // expected-error @below {{(attention_c5)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 2 kv_heads 1 scale 0.35
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<4xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c6)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 2 kv_heads 1 scale 0.0
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @f(%q: tensor<?x16xf32>, %k: tensor<?x8xf32>, %v: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{(attention_c7)}}
  %0 = picollm.attention %q, %k, %v, %p layer 0 heads 2 kv_heads 1 scale 0.35 window 0
    : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}
