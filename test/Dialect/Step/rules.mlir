// RUN: picollm-opt %s --verify-diagnostics --split-input-file

// One case for every rule of dialects/SPEC.md, section "Step level".

// expected-error @below {{(step_program_c1)}}
picollm_step.program @step() {
  picollm_step.barrier
}

// -----

// expected-error @below {{(step_program_c1)}}
picollm_step.program @step(%t: memref<?xi64>, %l: memref<?x8xf32>) {
  picollm_step.barrier
}

// -----

// expected-error @below {{(step_program_c1)}}
picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x?xf32>) {
  picollm_step.barrier
}

// -----

// expected-error @below {{(step_program_c2)}}
picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x8xf32>) scratch 100 {
  picollm_step.barrier
}

// -----

// expected-error @below {{(step_program_c2)}}
picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x8xf32>) scratch -64 {
  picollm_step.barrier
}

// -----

picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x8xf32>) scratch 64 {
  // expected-error @below {{(step_program_c3)}}
  %0 = picollm_step.buffer : memref<?x16xf32>
}

// -----

picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x8xf32>) scratch 64 {
  // expected-error @below {{(step_program_c3)}}
  %0 = picollm_step.buffer at 64 : memref<?x16xf32>
}

// -----

func.func @f() {
  // expected-error @below {{(step_buffer_c1)}}
  %0 = picollm_step.buffer : memref<4x16xf32>
  return
}

// -----

func.func @f() {
  // expected-error @below {{(step_buffer_c1)}}
  %0 = picollm_step.buffer : memref<?x?xf32>
  return
}

// -----

func.func @f() {
  // expected-error @below {{(step_buffer_c1)}}
  %0 = picollm_step.buffer : memref<?x16xf32, strided<[32, 1]>>
  return
}

// -----

func.func @f() {
  // expected-error @below {{(step_buffer_c2)}}
  %0 = picollm_step.buffer at 32 : memref<?x16xf32>
  return
}

// -----

func.func @f() {
  // expected-error @below {{(step_buffer_c2)}}
  %0 = picollm_step.buffer at -64 : memref<?x16xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%t: memref<?xi32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_embedding_c1)}}
  picollm_step.embedding @w(%t) into %o : memref<?xi32>, memref<?x16xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%t: memref<?xi32>, %o: memref<?x8xf32>) {
  // expected-error @below {{(step_embedding_c2)}}
  picollm_step.embedding @m(%t) into %o : memref<?xi32>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
func.func @f(%t: memref<?xi32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_embedding_c3)}}
  picollm_step.embedding @m(%t) scale 0.0 into %o : memref<?xi32>, memref<?x16xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x16xf32>, %o: memref<?x192xi8>) {
  // expected-error @below {{(step_encode_c1)}}
  picollm_step.encode %x for @w into %o : memref<?x16xf32>, memref<?x192xi8>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x8xf32>, %o: memref<?x192xi8>) {
  // expected-error @below {{(step_encode_c2)}}
  picollm_step.encode %x for @m into %o : memref<?x8xf32>, memref<?x192xi8>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x16xf32>, %o: memref<?x128xi8>) {
  // expected-error @below {{(step_encode_c3)}}
  picollm_step.encode %x for @m into %o : memref<?x16xf32>, memref<?x128xi8>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x16xf32>, %o: memref<?x192xi8>) {
  // expected-error @below {{(step_encode_c4)}}
  picollm_step.encode %x for @m norm @norm epsilon -1.0 into %o : memref<?x16xf32>, memref<?x192xi8>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x16xf32>, %o: memref<?x192xi8>) {
  // expected-error @below {{(step_encode_c4)}}
  "picollm_step.encode"(%x, %o) <{weight = @m, norm = @norm}> : (memref<?x16xf32>, memref<?x192xi8>) -> ()
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x16xf32>, %o: memref<?x192xi8>) {
  // expected-error @below {{(step_encode_c5)}}
  picollm_step.encode %x for @m norm @short epsilon 0.0 into %o : memref<?x16xf32>, memref<?x192xi8>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x16xf32>, %o: memref<?x192xi8>) {
  // expected-error @below {{(step_encode_c5)}}
  picollm_step.encode %x for @m norm @half epsilon 0.0 into %o : memref<?x16xf32>, memref<?x192xi8>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @short : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @half : tensor<16xf32> <file = "m", offset = 0, size = 32, encoding = "f16", hash = "">
func.func @f(%x: memref<?x16xf32>, %o: memref<?x192xi8>) {
  // expected-error @below {{(step_encode_c5)}}
  picollm_step.encode %x for @m norm @m epsilon 0.0 into %o : memref<?x16xf32>, memref<?x192xi8>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>, %b: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c1)}}
  picollm_step.linear store %x, @w into %a, %b : memref<?x448xi8>, memref<?x8xf32>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x192xi8>, %a: memref<?x8xf32>, %b: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c2)}}
  picollm_step.linear store %x, @two into %a, %b : memref<?x192xi8>, memref<?x8xf32>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>, %b: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c3)}}
  picollm_step.linear add %x, @two into %a, %b : memref<?x448xi8>, memref<?x8xf32>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [8: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x192xi8>, %a: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c3)}}
  picollm_step.linear silu %x, @m into %a : memref<?x192xi8>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [16: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c3)}}
  picollm_step.linear gelu_tanh %x, @two into %a : memref<?x448xi8>, memref<?x8xf32>
  return
}

// -----

// Two panels of one source are no gate and up.
picollm_layout.weight @split : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "a"]
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>) {
  // expected-error @below {{joins gate and up, expected two sources of one panel each and equal rows (step_linear_c3)}}
  picollm_step.linear silu %x, @split into %a : memref<?x448xi8>, memref<?x8xf32>
  return
}

// -----

// Gate and up of three panels.
picollm_layout.weight @split : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16], [16: 4x16]> <file = "m", offset = 0, size = 1216, encoding = "packed", hash = ""> sources ["a", "a", "b"]
func.func @f(%x: memref<?x576xi8>, %a: memref<?x16xf32>) {
  // expected-error @below {{(step_linear_c3)}}
  picollm_step.linear silu %x, @split into %a : memref<?x576xi8>, memref<?x16xf32>
  return
}

// -----

picollm_layout.weight @split : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "a"]
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>, %b: memref<?x8xf32>) {
  // expected-error @below {{has 2 outputs, expected 1 (step_linear_c4)}}
  picollm_step.linear store %x, @split into %a, %b : memref<?x448xi8>, memref<?x8xf32>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @split : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "a"]
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>) {
  // expected-error @below {{has an output of 8 columns, expected the source's 16 rows (step_linear_c5)}}
  picollm_step.linear add %x, @split into %a : memref<?x448xi8>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c4)}}
  picollm_step.linear store %x, @two into %a : memref<?x448xi8>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>, %b: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c4)}}
  picollm_step.linear silu %x, @two into %a, %b : memref<?x448xi8>, memref<?x8xf32>, memref<?x8xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>, %b: memref<?x16xf32>) {
  // expected-error @below {{(step_linear_c5)}}
  picollm_step.linear store %x, @two into %a, %b : memref<?x448xi8>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

picollm_layout.weight @two : !picollm_layout.matrix<16, [8: 4x16], [8: 3x16]> <file = "m", offset = 0, size = 832, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @w : tensor<8x16xf32> <file = "m", offset = 0, size = 512, encoding = "f32", hash = "">
func.func @f(%x: memref<?x448xi8>, %a: memref<?x8xf32>) {
  // expected-error @below {{(step_linear_c6)}}
  picollm_step.linear store %x, @two into %a, %a : memref<?x448xi8>, memref<?x8xf32>, memref<?x8xf32>
  return
}

// -----

func.func @f(%o: memref<?x6xf32>) {
  // expected-error @below {{(step_rotation_c1)}}
  picollm_step.rotation <frequencies = [1.0, 0.5], scale = 1.0 : f64> into %o : memref<?x6xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: memref<?x16xf32>, %y: memref<?x16xf32>, %z: memref<?x8xf32>) {
  // expected-error @below {{(step_add_norm_c1)}}
  picollm_step.add_norm %x norm @norm epsilon 1.0e-06 into %z : memref<?x16xf32>, memref<?x8xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: memref<?x16xf32>, %y: memref<?x16xf32>, %z: memref<?x8xf32>) {
  // expected-error @below {{(step_add_norm_c1)}}
  picollm_step.add_norm %x norm @norm epsilon 1.0e-06 into %x : memref<?x16xf32>, memref<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%x: memref<?x16xf32>, %y: memref<?x16xf32>, %z: memref<?x8xf32>) {
  // expected-error @below {{(step_add_norm_c2)}}
  picollm_step.add_norm %x norm @norm epsilon -1.0 into %y : memref<?x16xf32>, memref<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
func.func @f(%x: memref<?x16xf32>, %y: memref<?x16xf32>, %z: memref<?x8xf32>) {
  // expected-error @below {{(step_add_norm_c3)}}
  picollm_step.add_norm %x norm @norm epsilon 1.0e-06 into %y : memref<?x16xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c1)}}
  picollm_step.attention %q, %k, %v angles %a layer -1 heads 2 kv_heads 1 scale 0.35 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c2)}}
  picollm_step.attention %q, %k, %v angles %a layer 0 heads 2 kv_heads 0 scale 0.35 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x16xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c3)}}
  picollm_step.attention %q, %k, %v angles %a layer 0 heads 2 kv_heads 1 scale 0.35 into %o
    : memref<?x16xf32>, memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x8xf32>) {
  // expected-error @below {{(step_attention_c3)}}
  picollm_step.attention %q, %k, %v angles %a layer 0 heads 2 kv_heads 1 scale 0.35 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x16xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c4)}}
  picollm_step.attention %q, %k, %v angles %a layer 0 heads 2 kv_heads 1 scale 0.35 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c5)}}
  picollm_step.attention %q, %k, %v angles %a layer 0 heads 2 kv_heads 1 scale -1.0 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c6)}}
  "picollm_step.attention"(%q, %k, %v, %a, %o) <{query_norm = @norm, key_norm = @norm, layer = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 3.5e-01 : f64}>
    : (memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>) -> ()
  return
}

// -----

picollm.weight @norm : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c6)}}
  picollm_step.attention %q, %k, %v angles %a norms @norm, @norm epsilon -1.0 layer 0 heads 2 kv_heads 1 scale 0.35 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c7)}}
  picollm_step.attention %q, %k, %v angles %a norms @norm, @norm epsilon 1.0e-06 layer 0 heads 2 kv_heads 1 scale 0.35 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c8)}}
  picollm_step.attention %q, %k, %v angles %a layer 0 heads 2 kv_heads 1 scale 0.35 window -1 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c9)}}
  picollm_step.attention %q, %k, %v angles %a layer 0 heads 2 kv_heads 1 scale 0.35 cache f32 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}

// -----

func.func @f(%q: memref<?x16xf32>, %k: memref<?x8xf32>, %v: memref<?x8xf32>, %a: memref<?x8xf32>, %o: memref<?x16xf32>) {
  // expected-error @below {{(step_attention_c10)}}
  picollm_step.attention %q, %k, %k angles %a layer 0 heads 2 kv_heads 1 scale 0.35 cache i8 into %o
    : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  return
}
