// RUN: picollm-opt %s --picollm-assign-buffers --split-input-file | FileCheck %s

picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 5x16]> <file = "m", offset = 0, size = 576, encoding = "packed", hash = ""> sources ["w"]

// The residual lives through; the encoded input of the first product is dead
// once the barrier behind it is passed, so the second takes its bytes.
// CHECK-LABEL: picollm_step.program @step
// CHECK-SAME: scratch 320 {
// CHECK-DAG: %[[X:.*]] = picollm_step.buffer at 192 : memref<?x16xf32>
// CHECK-DAG: %[[E:.*]] = picollm_step.buffer at 0 : memref<?x192xi8>
// CHECK-DAG: %[[Y:.*]] = picollm_step.buffer at 256 : memref<?x16xf32>
// CHECK-DAG: %[[F:.*]] = picollm_step.buffer at 0 : memref<?x192xi8>
picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %x = picollm_step.buffer : memref<?x16xf32>
  %e = picollm_step.buffer : memref<?x192xi8>
  %y = picollm_step.buffer : memref<?x16xf32>
  %f = picollm_step.buffer : memref<?x192xi8>
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
  picollm_step.barrier
  picollm_step.encode %x for @m into %e : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.barrier
  picollm_step.linear store %e, @m into %y : memref<?x192xi8>, memref<?x16xf32>
  picollm_step.barrier
  picollm_step.encode %y for @m into %f : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.barrier
  picollm_step.linear add %f, @m into %x : memref<?x192xi8>, memref<?x16xf32>
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 5x16]> <file = "m", offset = 0, size = 576, encoding = "packed", hash = ""> sources ["w"]

// No barrier between the use of one and of the other: a slow thread may still
// read the first while a fast one writes the second.
// CHECK-LABEL: picollm_step.program @same_phase
// CHECK-SAME: scratch 128 {
// CHECK-DAG: picollm_step.buffer at 0 : memref<?x16xf32>
// CHECK-DAG: picollm_step.buffer at 64 : memref<?x16xf32>
picollm_step.program @same_phase(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %x = picollm_step.buffer : memref<?x16xf32>
  %y = picollm_step.buffer : memref<?x16xf32>
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
  picollm_step.embedding @m(%t) into %y : memref<?xi32>, memref<?x16xf32>
}

// -----

// Sizes are rounded up to 64 bytes per token.
// CHECK-LABEL: picollm_step.program @rounded
// CHECK-SAME: scratch 192 {
// CHECK-NEXT: picollm_step.buffer at 128 : memref<?x2xf32>
// CHECK-NEXT: picollm_step.buffer at 0 : memref<?x18xf32>
picollm_step.program @rounded(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %a = picollm_step.buffer : memref<?x2xf32>
  %b = picollm_step.buffer : memref<?x18xf32>
  picollm_step.rotation <frequencies = [1.0], scale = 1.0 : f64> into %a : memref<?x2xf32>
  picollm_step.rotation <frequencies = [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0], scale = 1.0 : f64> into %b : memref<?x18xf32>
}
