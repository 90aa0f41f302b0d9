// RUN: picollm-opt %s | picollm-opt | FileCheck %s
// RUN: picollm-opt %s --emit-bytecode | picollm-opt | FileCheck %s

picollm.weight @norm : tensor<16xf32> <file = "m.weights", offset = 64, size = 64, encoding = "f32", hash = "">
picollm.weight @head_norm : tensor<8xf32> <file = "m.weights", offset = 0, size = 32, encoding = "f32", hash = "">
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m.weights", offset = 128, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m.weights", offset = 640, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm_layout.weight @split : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m.weights", offset = 1536, size = 896, encoding = "packed", hash = ""> sources ["c", "c"]

// CHECK: picollm_step.program @step(%tokens: memref<?xi32>, %logits: memref<?x16xf32>) scratch 1024 attributes {test.note = "kept"} {
picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x16xf32>) scratch 1024 attributes {test.note = "kept"} {
  // CHECK: %[[ANGLES:.*]] = picollm_step.buffer at 0 : memref<?x8xf32>
  %angles = picollm_step.buffer at 0 : memref<?x8xf32>
  %x = picollm_step.buffer at 64 : memref<?x16xf32>
  %y = picollm_step.buffer at 128 : memref<?x16xf32>
  %kv = picollm_step.buffer at 192 : memref<?x8xf32>
  // CHECK: %[[E:.*]] = picollm_step.buffer at 256 : memref<?x192xi8>
  %e = picollm_step.buffer at 256 : memref<?x192xi8>
  %f = picollm_step.buffer at 448 : memref<?x448xi8>
  %z = picollm_step.buffer at 832 : memref<?x32xf32>
  // CHECK: picollm_step.rotation #rotation into %[[ANGLES]] : memref<?x8xf32>
  picollm_step.rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> into %angles : memref<?x8xf32>
  // CHECK: picollm_step.embedding @m(%tokens) into %[[X:.*]] : memref<?xi32>, memref<?x16xf32>
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
  // CHECK: picollm_step.embedding @m(%tokens) scale 4.000000e+00 into %[[X]] : memref<?xi32>, memref<?x16xf32>
  picollm_step.embedding @m(%t) scale 4.0 into %x : memref<?xi32>, memref<?x16xf32>
  // CHECK: picollm_step.barrier
  picollm_step.barrier
  // CHECK: picollm_step.encode %[[X]] for @m into %[[E]] : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.encode %x for @m into %e : memref<?x16xf32>, memref<?x192xi8>
  // CHECK: picollm_step.encode wanted %[[X]] for @m norm @norm epsilon 1.000000e-05 into %[[E]] : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.encode wanted %x for @m norm @norm epsilon 1.0e-05 into %e : memref<?x16xf32>, memref<?x192xi8>
  // CHECK: picollm_step.linear store %{{.*}}, @two into %[[X]], %[[Y:.*]] : memref<?x448xi8>, memref<?x16xf32>, memref<?x16xf32>
  picollm_step.linear store %f, @two into %x, %y : memref<?x448xi8>, memref<?x16xf32>, memref<?x16xf32>
  // CHECK: picollm_step.linear store %{{.*}}, @split into %[[Z:.*]] : memref<?x448xi8>, memref<?x32xf32>
  picollm_step.linear store %f, @split into %z : memref<?x448xi8>, memref<?x32xf32>
  // CHECK: picollm_step.linear add %{{.*}}, @split into %[[Z]] : memref<?x448xi8>, memref<?x32xf32>
  picollm_step.linear add %f, @split into %z : memref<?x448xi8>, memref<?x32xf32>
  // CHECK: picollm_step.linear add %[[E]], @m into %[[X]] : memref<?x192xi8>, memref<?x16xf32>
  picollm_step.linear add %e, @m into %x : memref<?x192xi8>, memref<?x16xf32>
  // CHECK: picollm_step.linear silu %{{.*}}, @two into %[[Y]]
  picollm_step.linear silu %f, @two into %y : memref<?x448xi8>, memref<?x16xf32>
  // CHECK: picollm_step.linear gelu_tanh %{{.*}}, @two into %[[Y]]
  picollm_step.linear gelu_tanh %f, @two into %y : memref<?x448xi8>, memref<?x16xf32>
  // CHECK: picollm_step.attention %[[X]], %[[KV:.*]], %[[KV]] angles %[[ANGLES]] layer 3 heads 2 kv_heads 1 scale 3.500000e-01 into %[[Y]] : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  picollm_step.attention %x, %kv, %kv angles %angles layer 3 heads 2 kv_heads 1 scale 0.35 into %y : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  // CHECK: picollm_step.attention %[[X]], %[[KV]], %[[KV]] layer 3 heads 2 kv_heads 1 scale 3.500000e-01 into %[[Y]] : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  picollm_step.attention %x, %kv, %kv layer 3 heads 2 kv_heads 1 scale 0.35 into %y : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  // CHECK: picollm_step.attention %[[X]], %[[KV]], %[[KV]] angles %[[ANGLES]] norms @head_norm, @head_norm epsilon 1.000000e-05 layer 3 heads 2 kv_heads 1 scale 3.500000e-01 window 5 into %[[Y]] :
  picollm_step.attention %x, %kv, %kv angles %angles norms @head_norm, @head_norm epsilon 1.0e-05 layer 3 heads 2 kv_heads 1 scale 0.35 window 5 into %y : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  // CHECK: picollm_step.attention %[[X]], %[[KV]], %{{.*}} layer 3 heads 2 kv_heads 1 scale 3.500000e-01 cache i8 into %[[Y]] :
  %codes = picollm_step.buffer at 0 : memref<?x8xf32>
  picollm_step.attention %x, %kv, %codes layer 3 heads 2 kv_heads 1 scale 0.35 cache i8 into %y : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  // CHECK: picollm_step.add_norm %[[Y]] norm @norm epsilon 1.000000e-05 into %[[X]] : memref<?x16xf32>, memref<?x16xf32>
  picollm_step.add_norm %y norm @norm epsilon 1.0e-05 into %x : memref<?x16xf32>, memref<?x16xf32>
  // CHECK: picollm_step.linear store wanted %[[E]], @m into %logits : memref<?x192xi8>, memref<?x16xf32>
  picollm_step.linear store wanted %e, @m into %l : memref<?x192xi8>, memref<?x16xf32>
}

// Without scratch bytes: buffers have no place yet.
// CHECK: picollm_step.program @unplaced(%tokens: memref<?xi32>, %logits: memref<?x16xf32>) {
picollm_step.program @unplaced(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  // CHECK: picollm_step.buffer : memref<?x8xf32>
  %0 = picollm_step.buffer : memref<?x8xf32>
}
