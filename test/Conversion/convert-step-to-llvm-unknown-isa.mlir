// RUN: not picollm-opt %s --picollm-convert-step-to-llvm="isa=z80" 2>&1 | FileCheck %s
// RUN: not picollm-opt %s --picollm-convert-step-to-llvm 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not picollm-opt %s --picollm-convert-step-to-llvm="isa=neon" 2>&1 | FileCheck %s --check-prefix=OTHER

// CHECK: error: instruction set 'z80' is unknown, expected one of avx512gfni, avx512, avxvnni, avx2, i8mm, dotprod, neon, portable
// OTHER: error: instruction set 'neon' is one of aarch64, not of 'x86_64-unknown-linux-gnu': set the option triple
// NONE: error: no instruction set was chosen: set the option isa
module attributes {picollm.config = #picollm.config<name = "tiny", architecture = "llama", vocabulary = 16, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 2, head_size = 8>, picollm.build_id = "000102030405060708090a0b0c0d0e0f", picollm.weights_bytes = 8192 : i64} {
  picollm_layout.weight @a : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 4096, size = 512, encoding = "packed", hash = ""> sources ["a"]
  picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x16xf32>) scratch 64 {
    %x = picollm_step.buffer at 0 : memref<?x16xf32>
    picollm_step.embedding @a(%t) into %x : memref<?xi32>, memref<?x16xf32>
  }
}
