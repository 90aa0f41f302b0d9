// RUN: picollm-opt %s --picollm-convert-step-to-llvm="isa=avx2,portable features=bmi2" > %t.mlir
// RUN: FileCheck %s --input-file=%t.mlir
// RUN: FileCheck %s --input-file=%t.mlir --check-prefix=SHARED

// Both layers have one layout: one driver and one encoder serve them, and the
// places of their weights are arguments.
// SHARED-NOT: @linear_add_16_1
// SHARED-NOT: @encode_16_1

// CHECK-LABEL: llvm.func internal @step_avx2(
// CHECK-SAME: !llvm.ptr, %{{.*}}: i32, %{{.*}}: i32
// CHECK: llvm.call @encode_16_0_avx2(
// The barrier calls arguments->wait(arguments->barrier).
// CHECK: llvm.call %{{.*}}(%{{.*}}) : !llvm.ptr, (!llvm.ptr) -> ()
// CHECK: llvm.call @linear_add_16_0_avx2(
// CHECK: llvm.call @encode_16_0_avx2(
// CHECK: llvm.call @linear_add_16_0_avx2(

// The inner kernels are called, never inlined, and know their features.
// CHECK-LABEL: llvm.func internal @dot_fields_b5_codes_i8_r32_t1_avx2(
// CHECK-SAME: no_inline
// CHECK-SAME: target_features = #llvm.target_features<["+avx2", "+f16c", "+fma"]>
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"
// CHECK-LABEL: llvm.func internal @dot_planes_b3_table4_i8_r32_t1_avx2(
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pshuf.b"

// The portable variant has no instruction of one processor.
// CHECK-LABEL: llvm.func internal @step_portable(
// CHECK-NOT: target_features
// CHECK-NOT: llvm.x86
// CHECK: llvm.func internal @dot_planes_b3_table4_i8_r32_t1_portable(
// CHECK-NOT: target_features
// CHECK-NOT: llvm.x86

// Bytes of a position: K and V of 1 layer, 2 heads, 8 halves of 2 bytes.
// CHECK: llvm.func internal @kv_bytes(
// CHECK: llvm.mlir.constant(64 : i64)
// CHECK: llvm.func internal @scratch_bytes(
// CHECK: llvm.mlir.constant(512 : i64)
// CHECK: @variant_features_0("avx2,f16c,fma,bmi2\00")
// CHECK: @variant_features_1("bmi2\00")
// CHECK: llvm.func @picollm_tiny_1_model() -> !llvm.ptr
module attributes {picollm.config = #picollm.config<name = "tiny-1", architecture = "llama", vocabulary = 16, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 2, head_size = 8>, picollm.build_id = "000102030405060708090a0b0c0d0e0f", picollm.weights_bytes = 8192 : i64} {
  picollm_layout.weight @a : !picollm_layout.matrix<16, [16: 5x8, 3x8]> <file = "m", offset = 4096, size = 512, encoding = "packed", hash = ""> sources ["a"]
  picollm_layout.weight @b : !picollm_layout.matrix<16, [16: 5x8, 3x8]> <file = "m", offset = 4608, size = 512, encoding = "packed", hash = ""> sources ["b"]
  picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x16xf32>) scratch 512 {
    %x = picollm_step.buffer at 0 : memref<?x16xf32>
    %e = picollm_step.buffer at 64 : memref<?x448xi8>
    picollm_step.embedding @a(%t) into %x : memref<?xi32>, memref<?x16xf32>
    picollm_step.barrier
    picollm_step.encode %x for @a into %e : memref<?x16xf32>, memref<?x448xi8>
    picollm_step.barrier
    picollm_step.linear add %e, @a into %x : memref<?x448xi8>, memref<?x16xf32>
    picollm_step.barrier
    picollm_step.encode %x for @b into %e : memref<?x16xf32>, memref<?x448xi8>
    picollm_step.barrier
    picollm_step.linear add %e, @b into %x : memref<?x448xi8>, memref<?x16xf32>
  }
}
