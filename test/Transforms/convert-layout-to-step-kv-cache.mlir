// RUN: picollm-opt %s --picollm-convert-layout-to-step=kv-cache=i8 --split-input-file --verify-diagnostics | FileCheck %s
// RUN: not picollm-opt %s --picollm-convert-layout-to-step=kv-cache=f32 --split-input-file 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// UNKNOWN: Cannot find option named 'f32'

// CHECK: picollm_step.attention %[[Q:.*]], %[[K:.*]], %[[V:.*]] angles %{{.*}} layer 0 heads 2 kv_heads 2 scale 5.000000e-01 cache i8 into
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @qkv : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 1280, encoding = "packed", hash = ""> sources ["a", "b", "c"]
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @qkv : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16], [table4_i8 x 16]>
  %qkv:3 = picollm_layout.linear %e, @qkv : <[table4_i8 x 16], [table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
  %rq = picollm.rotary %qkv#0, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %rk = picollm.rotary %qkv#1, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %at = picollm.attention %rq, %rk, %qkv#2, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}

// -----

// The step would write the rotated key over the value.
picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]
picollm_layout.weight @two : !picollm_layout.matrix<16, [16: 4x16], [16: 4x16]> <file = "m", offset = 0, size = 896, encoding = "packed", hash = ""> sources ["a", "b"]
func.func @forward(%t: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x16xf32> {
  %x = picollm_layout.embedding @m(%t) : (tensor<?xi32>) -> tensor<?x16xf32>
  %e = picollm_layout.encode %x for @two : tensor<?x16xf32> -> <[table4_i8 x 16], [table4_i8 x 16]>
  %qk:2 = picollm_layout.linear %e, @two : <[table4_i8 x 16], [table4_i8 x 16]> -> tensor<?x16xf32>, tensor<?x16xf32>
  %rq = picollm.rotary %qk#0, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  %rk = picollm.rotary %qk#1, %p heads 2 rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> : tensor<?x16xf32>, tensor<?xi32>
  // expected-error @below {{rotates a key that something else reads too}}
  %at = picollm.attention %rq, %rk, %qk#1, %p layer 0 heads 2 kv_heads 2 scale 0.5 : (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  %w = picollm.wanted %at : tensor<?x16xf32>
  %el = picollm_layout.encode %w for @m : tensor<?x16xf32> -> <[table4_i8 x 16]>
  %l = picollm_layout.linear %el, @m : <[table4_i8 x 16]> -> tensor<?x16xf32>
  return %l : tensor<?x16xf32>
}
