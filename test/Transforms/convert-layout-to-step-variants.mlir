// RUN: picollm-opt %s --picollm-convert-layout-to-step --split-input-file | FileCheck %s

// No rotation; wanted before the norm; the sum's operands the other way round.
// CHECK: picollm_step.program @step
// CHECK-NOT: rotation
// CHECK: picollm_step.embedding @m(%tokens) into %[[X:.*]] :
// CHECK: picollm_step.linear store %{{.*}}, @two into %[[A:.*]], %[[B:.*]] :
// CHECK: picollm_step.attention %[[A]], %[[B]], %[[B]] layer 0
// CHECK: picollm_step.linear add %{{.*}}, @m into %[[X]] :
// CHECK: picollm_step.encode wanted %[[X]] for @m norm @norm
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %at = picollm.attention %gu#0, %gu#1, %gu#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %ea = picollm_layout.encode %at for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %y = picollm_layout.linear %ea, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  %s = picollm.add %y, %x : tensor<?x16xf32>
  %w = picollm.wanted %s : tensor<?x16xf32>
  %n = picollm.rms_norm %w, @norm epsilon 0.0 : tensor<?x16xf32>
  %el = picollm_layout.encode %n for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Both operands of the sum are products: the first is stored, the second added.
// CHECK: picollm_step.linear store %[[E:.*]], @m into %[[Y:.*]] :
// CHECK: picollm_step.linear add %[[E]], @m into %[[Y]] :
// CHECK: picollm_step.encode wanted %[[Y]] for @m
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %y = picollm_layout.linear %e, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  %z = picollm_layout.linear %e, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  %s = picollm.add %y, %z : tensor<?x16xf32>
  %w = picollm.wanted %s : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Two layers share the angles.
// CHECK: picollm_step.rotation
// CHECK-NOT: picollm_step.rotation
// CHECK: angles %[[ANGLES:.*]] layer 0
// CHECK: angles %[[ANGLES]] layer 1
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %r0 = picollm.rotary %gu#0, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %r1 = picollm.rotary %gu#1, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %at = picollm.attention %r0, %r1, %gu#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %e1 = picollm_layout.encode %at for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %qk:2 = picollm_layout.linear %e1, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %r2 = picollm.rotary %qk#0, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %r3 = picollm.rotary %qk#1, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %at1 = picollm.attention %r2, %r3, %qk#1, %p layer 1 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at1 : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// The other function of the gate.
// CHECK: picollm_step.linear gelu_tanh
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %g = picollm.gated gelu_tanh %gu#0, %gu#1 : tensor<?x16xf32>
  %w = picollm.wanted %g : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Norms of heads before the rotation, a window, and a norm of what is added.
// CHECK: picollm_step.embedding @m(%tokens) scale 4.000000e+00 into %[[X:.*]] :
// CHECK: picollm_step.linear store %{{.*}}, @two into %[[Q:.*]], %[[K:.*]] :
// CHECK: picollm_step.attention %[[Q]], %[[K]], %[[K]] angles %{{.*}} norms @q, @k epsilon 9.99{{.*}}E-7 layer 0 heads 2 kv_heads 2 scale 5.000000e-01 window 8 into
// CHECK: picollm_step.linear store %{{.*}}, @m into %[[Y:.*]] :
// CHECK: picollm_step.add_norm %[[Y]] norm @norm epsilon 0.000000e+00 into %[[X]] :
// CHECK: picollm_step.encode wanted %[[X]] for @m into
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @q : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
picollm.weight @k : tensor<8xf32> <file = "m", offset = 0, size = 32, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) scale 4.0 : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %qk:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %qn = picollm.rms_norm %qk#0, @q epsilon 1.0e-06 heads 2 : tensor<?x16xf32>
  %kn = picollm.rms_norm %qk#1, @k epsilon 1.0e-06 heads 2 : tensor<?x16xf32>
  %rq = picollm.rotary %qn, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %rk = picollm.rotary %kn, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %at = picollm.attention %rq, %rk, %qk#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 window 8 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %ea = picollm_layout.encode %at for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %y = picollm_layout.linear %ea, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  %n = picollm.rms_norm %y, @norm epsilon 0.0 : tensor<?x16xf32>
  %s = picollm.add %x, %n : tensor<?x16xf32>
  %w = picollm.wanted %s : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}
