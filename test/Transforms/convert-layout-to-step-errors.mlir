// RUN: picollm-opt %s --picollm-convert-layout-to-step --verify-diagnostics --split-input-file

// The residual is read again after the linear that would overwrite it.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %y = picollm_layout.linear %e, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  // expected-error @below {{expected the only use of the one result of a picollm_layout.linear, or of a picollm.rms_norm of a value in memory, and, as the other operand, a value in memory that nothing reads after that}}
  %s = picollm.add %x, %y : tensor<?x16xf32>
  %n = picollm.rms_norm %x, @norm epsilon 0.0 : tensor<?x16xf32>
  %e2 = picollm_layout.encode %n for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %y2 = picollm_layout.linear %e2, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  %s2 = picollm.add %s, %y2 : tensor<?x16xf32>
  %w = picollm.wanted %s2 : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Nobody multiplies after this norm.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %n = picollm.rms_norm %x, @norm epsilon 0.0 : tensor<?x16xf32>
  // expected-error @below {{has no form on the step level}}
  %s = picollm.add %x, %n : tensor<?x16xf32>
  %w = picollm.wanted %s : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// A norm of a norm: one encode absorbs one.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %n = picollm.rms_norm %x, @norm epsilon 0.0 : tensor<?x16xf32>
  %nn = picollm.rms_norm %n, @norm epsilon 0.0 : tensor<?x16xf32>
  %w = picollm.wanted %nn : tensor<?x16xf32>
  // expected-error @below {{it reads the result of 'picollm.rms_norm', which only the op that follows it in a transformer can absorb}}
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// A gate whose rows are split over two panels.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @split : !picollm_layout.matrix<16, [8: 4x16], [8: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 1280, encoding = "packed", hash = ""> sources ["a", "a", "b"]
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @split : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @split : <[table4_i8 x 16], [table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  // expected-error @below {{expected gate and up to be the two results of one picollm_layout.linear, in this order, of one panel each}}
  %g = picollm.gated silu %gu#0, %gu#1 : tensor<?x16xf32>
  return %g : tensor<?x16xf32>
}

// -----

// Gate and up in the wrong order of panels.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  // expected-error @below {{expected gate and up to be the two results of one picollm_layout.linear, in this order}}
  %g = picollm.gated silu %gu#1, %gu#0 : tensor<?x16xf32>
  %w = picollm.wanted %g : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Logits of all tokens, but the caller gives room for the wanted ones.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %el = picollm_layout.encode %x for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  // expected-error @below {{stores the logits of every token, expected a picollm.wanted before it}}
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Wanted too early: only the logits know which tokens are wanted.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %x : tensor<?x16xf32>
  %e = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  // expected-error @below {{reads only the wanted tokens, expected its one result to be the logits}}
  %y = picollm_layout.linear %e, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  %el = picollm_layout.encode %y for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Not logits.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  // expected-error @below {{returns something else than the result of a picollm_layout.linear}}
  return %x : tensor<?x16xf32>
}

// -----

// Only the query is rotated.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %r0 = picollm.rotary %gu#0, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  // expected-error @below {{needs query and key rotated by the same rotation, head by head, or neither}}
  %at = picollm.attention %r0, %gu#1, %gu#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Two rotations.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %r0 = picollm.rotary %gu#0, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %r1 = picollm.rotary %gu#1, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.5], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  // expected-error @below {{needs query and key rotated by the same rotation, head by head, or neither}}
  %at = picollm.attention %r0, %r1, %gu#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Rotated by something else than the positions.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %r0 = picollm.rotary %gu#0, %t heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %r1 = picollm.rotary %gu#1, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  // expected-error @below {{needs query and key rotated by its own positions}}
  %at = picollm.attention %r0, %r1, %gu#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Attention at something else than the positions.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %gu:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  // expected-error @below {{has other positions than those of the step}}
  %at = picollm.attention %gu#0, %gu#1, %gu#1, %t layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// Looks up positions instead of tokens.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  // expected-error @below {{looks up something else than the tokens of the step}}
  %x = picollm_layout.embedding @m(%p) : (tensor<?xi32>) -> tensor<?x16xf32>
  return %x : tensor<?x16xf32>
}

// -----

// Still on the model level.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
picollm.weight @w : tensor<16x16xf32> <file = "m", offset = 0, size = 1024, encoding = "f32", hash = "">
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  // expected-error @below {{has no form on the step level; run picollm-convert-model-to-layout first}}
  %y = picollm.linear %x, @w : (tensor<?x16xf32>) -> tensor<?x16xf32>
  %w = picollm.wanted %y : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// An encoded activation from elsewhere.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
picollm.weight @norm : tensor<16xf32> <file = "m", offset = 0, size = 64, encoding = "f32", hash = "">
// expected-error @below {{needs one block, two arguments, tensor<?xi32> of tokens and of positions, and one result, tensor<?xVxf32> of logits}}
func.func @forward(%t: tensor<?xi32>) -> tensor<?xi32> {
  return %t : tensor<?xi32>
}

// -----

// No function.
// expected-error @below {{has no function @forward to convert}}
module {}

// -----

// Rotated in place for the first attention, the query is not there any more.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %qk:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %r0 = picollm.rotary %qk#0, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %r1 = picollm.rotary %qk#1, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  // expected-error @below {{rotates a query that something else reads too}}
  %at = picollm.attention %r0, %r1, %qk#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %at1 = picollm.attention %r0, %r1, %qk#1, %p layer 1 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at1 : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// A key that is normalised as a row, not head by head.
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
  %kn = picollm.rms_norm %qk#1, @norm epsilon 1.0e-06 : tensor<?x16xf32>
  %rq = picollm.rotary %qn, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %rk = picollm.rotary %kn, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  // expected-error @below {{needs query and key normalised head by head with one epsilon, or neither}}
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

// -----

// Two values of epsilon.
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
  %kn = picollm.rms_norm %qk#1, @k epsilon 1.0e-05 heads 2 : tensor<?x16xf32>
  %rq = picollm.rotary %qn, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %rk = picollm.rotary %kn, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  // expected-error @below {{needs query and key normalised head by head with one epsilon, or neither}}
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
