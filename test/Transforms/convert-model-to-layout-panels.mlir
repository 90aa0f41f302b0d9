// RUN: picollm-opt %s --picollm-convert-model-to-layout --split-input-file | FileCheck %s

// An embedding whose rarer tokens have fewer bits: two panels, one source.
picollm.weight @embd : tensor<64x16xf32> <file = "m", offset = 0, size = 4096, encoding = "f32", hash = "">
picollm_layout.weight @packed : !picollm_layout.matrix<16, [32: 4x16], [32: 2x16]> <file = "m", offset = 0, size = 768, encoding = "packed", hash = ""> sources ["embd", "embd"]

// CHECK-LABEL: func.func @split_embedding
// CHECK: picollm_layout.embedding @packed(
func.func @split_embedding(%t: tensor<?xi32>) -> tensor<?x16xf32> {
  %0 = picollm.embedding @embd(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  return %0 : tensor<?x16xf32>
}

// -----

picollm.weight @a : tensor<16x16xf32> <file = "m", offset = 0, size = 1024, encoding = "f32", hash = "">
picollm.weight @b : tensor<16x16xf32> <file = "m", offset = 0, size = 1024, encoding = "f32", hash = "">
picollm_layout.weight @stack : !picollm_layout.matrix<16, [16: 4x16], [16: 2x16]> <file = "m", offset = 0, size = 768, encoding = "packed", hash = ""> sources ["a", "b"]

// Panels of one matrix that read different inputs stay apart, in order: the
// second reads the result of the first.
// CHECK-LABEL: func.func @chain
// CHECK-SAME: (%[[X:.*]]: tensor<?x16xf32>)
// CHECK-NEXT: %[[E0:.*]] = picollm_layout.encode %[[X]] for @stack
// CHECK-NEXT: %[[A:.*]]:2 = picollm_layout.linear %[[E0]], @stack
// CHECK-NEXT: %[[E1:.*]] = picollm_layout.encode %[[A]]#0 for @stack
// CHECK-NEXT: %[[B:.*]]:2 = picollm_layout.linear %[[E1]], @stack
// CHECK-NEXT: return %[[B]]#1
func.func @chain(%x: tensor<?x16xf32>) -> tensor<?x16xf32> {
  %0 = picollm.linear %x, @a : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %1 = picollm.linear %0, @b : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %1 : tensor<?x16xf32>
}
