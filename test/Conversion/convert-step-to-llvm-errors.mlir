// RUN: picollm-opt %s --picollm-convert-step-to-llvm="isa=portable" --split-input-file --verify-diagnostics

// expected-error @+1 {{module lacks picollm.config, picollm.build_id or picollm.weights_bytes: run the pack stage first}}
module {
}

// -----

// expected-error @+1 {{picollm.build_id is 'xyz', expected 32 hexadecimal digits}}
module attributes {picollm.config = #picollm.config<name = "tiny", architecture = "llama", vocabulary = 16, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 2, head_size = 8>, picollm.build_id = "xyz", picollm.weights_bytes = 8192 : i64} {
  picollm_layout.weight @a : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 4096, size = 512, encoding = "packed", hash = ""> sources ["a"]
  picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x16xf32>) scratch 64 {
    %x = picollm_step.buffer at 0 : memref<?x16xf32>
    picollm_step.embedding @a(%t) into %x : memref<?xi32>, memref<?x16xf32>
  }
}

// -----

// expected-error @+1 {{module has 0 step programs, expected one}}
module attributes {picollm.config = #picollm.config<name = "tiny", architecture = "llama", vocabulary = 16, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 2, head_size = 8>, picollm.build_id = "000102030405060708090a0b0c0d0e0f", picollm.weights_bytes = 8192 : i64} {
}

// -----

module attributes {picollm.config = #picollm.config<name = "tiny", architecture = "llama", vocabulary = 16, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 2, head_size = 8>, picollm.build_id = "000102030405060708090a0b0c0d0e0f", picollm.weights_bytes = 8192 : i64} {
  picollm_layout.weight @a : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 4096, size = 512, encoding = "packed", hash = ""> sources ["a"]
  // expected-error @+1 {{program has no scratch size: run picollm-assign-buffers first}}
  picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x16xf32>) {
    %x = picollm_step.buffer : memref<?x16xf32>
    picollm_step.embedding @a(%t) into %x : memref<?xi32>, memref<?x16xf32>
  }
}

// -----

module attributes {picollm.config = #picollm.config<name = "tiny", architecture = "llama", vocabulary = 16, context_length = 64, layers = 1, embedding = 16, heads = 2, kv_heads = 2, head_size = 8>, picollm.build_id = "000102030405060708090a0b0c0d0e0f", picollm.weights_bytes = 8192 : i64} {
  picollm_layout.weight @a : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 4096, size = 512, encoding = "planned", hash = ""> sources ["a"]
  picollm_step.program @step(%t: memref<?xi32>, %l: memref<?x16xf32>) scratch 64 {
    %x = picollm_step.buffer at 0 : memref<?x16xf32>
    // expected-error @+1 {{weight @a has encoding 'planned', expected 'packed': run the pack stage first}}
    picollm_step.embedding @a(%t) into %x : memref<?xi32>, memref<?x16xf32>
  }
}
