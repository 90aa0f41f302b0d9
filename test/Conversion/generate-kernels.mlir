// RUN: picollm-opt %s --picollm-generate-kernels=isa=i8mm | FileCheck %s
// RUN: not picollm-opt %s --picollm-generate-kernels=isa=z80 2>&1 | FileCheck %s --check-prefix=UNKNOWN

// All kernels, to be called from outside, with what they need of a processor.
// CHECK-DAG: llvm.func @dot_planes_b1_table4_i8_r32_t1_i8mm({{.*}}target_features = #llvm.target_features<["+neon", "+dotprod", "+i8mm"]>
// CHECK-DAG: llvm.func @dot_half_b16_f32_r32_t4_i8mm(
// CHECK-DAG: llvm.func @product_fields_b8g128_codes_i8_r32_i8mm(
// CHECK-DAG: llvm.aarch64.neon.smmla
// UNKNOWN: error: instruction set 'z80' is unknown, expected one of avx512gfni,
module {}
