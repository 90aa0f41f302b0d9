// RUN: picollm-opt %s --picollm-convert-model-to-layout --split-input-file | FileCheck %s

// An embedding whose rarer tokens have fewer bits: two panels, one source.
picollm.weight @embd : tensor<64x16xf32> <file = "m", offset = 0, size = 4096, encoding = "f32", hash = "">
picollm_layout.weight @packed : !picollm_layout.matrix<16, [32: 4x16], [32: 2x16]> <file = "m", offset = 0, size = 768, encoding = "packed", hash = ""> sources ["embd", "embd"]

// CHECK-LABEL: func.func @split_embedding
// CHECK: picollm_layout.embedding @packed(
// CHECK: %[[E:.*]] = picollm_layout.encode %{{.*}} for @packed : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
// CHECK: %[[L:.*]] = picollm_layout.linear %[[E]], @packed : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x64xf32>
// CHECK: return %[[L]]
func.func @split_embedding(%t: tensor<?xi32>) -> tensor<?x64xf32> {
  %0 = picollm.embedding @embd(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %1 = picollm.logits %0, @embd : (tensor<?x16xf32>) -> tensor<?x64xf32>
  return %1 : tensor<?x64xf32>
}

// -----

picollm.weight @a : tensor<24x16xf32> <file = "m", offset = 0, size = 1536, encoding = "f32", hash = "">
picollm.weight @b : tensor<16x16xf32> <file = "m", offset = 0, size = 1024, encoding = "f32", hash = "">
picollm_layout.weight @stack : !picollm_layout.matrix<16, [8: 4x16], [16: 2x16], [16: 4x16]> <file = "m", offset = 0, size = 1152, encoding = "packed", hash = ""> sources ["a", "a", "b"]

// One product gives a result for each source, however many panels it has.
// CHECK-LABEL: func.func @sources
// CHECK: %[[Y:.*]]:2 = picollm_layout.linear %{{.*}}, @stack : {{.*}} -> tensor<?x24xf32>, tensor<?x16xf32>
// CHECK-NEXT: return %[[Y]]#1, %[[Y]]#0
func.func @sources(%x: tensor<?x16xf32>) -> (tensor<?x16xf32>, tensor<?x24xf32>) {
  %0 = picollm.linear %x, @a : (tensor<?x16xf32>) -> tensor<?x24xf32>
  %1 = picollm.linear %x, @b : (tensor<?x16xf32>) -> tensor<?x16xf32>
  return %1, %0 : tensor<?x16xf32>, tensor<?x24xf32>
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
