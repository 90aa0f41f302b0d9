// RUN: picollm-opt %s --picollm-insert-barriers --split-input-file | FileCheck %s
// A second run finds nothing to do.
// RUN: picollm-opt %s --picollm-insert-barriers --picollm-insert-barriers --split-input-file | FileCheck %s

picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]

// CHECK-LABEL: picollm_step.program @read_after_write
// CHECK: picollm_step.embedding
// CHECK-NEXT: picollm_step.barrier
// Two reads need no order.
// CHECK-NEXT: picollm_step.encode
// CHECK-NEXT: picollm_step.encode
// CHECK-NEXT: picollm_step.barrier
// CHECK-NEXT: picollm_step.linear store
// CHECK-NEXT: }
picollm_step.program @read_after_write(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %x = picollm_step.buffer : memref<?x16xf32>
  %e = picollm_step.buffer : memref<?x192xi8>
  %f = picollm_step.buffer : memref<?x192xi8>
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
  picollm_step.encode %x for @m into %e : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.encode %x for @m into %f : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.linear store wanted %e, @m into %l : memref<?x192xi8>, memref<?x16xf32>
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]

// CHECK-LABEL: picollm_step.program @independent
// CHECK-NOT: picollm_step.barrier
picollm_step.program @independent(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %a = picollm_step.buffer : memref<?x8xf32>
  %x = picollm_step.buffer : memref<?x16xf32>
  picollm_step.rotation <frequencies = [1.0, 0.5, 0.25, 0.125], scale = 1.0 : f64> into %a : memref<?x8xf32>
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]

// CHECK-LABEL: picollm_step.program @overwrite
// CHECK: picollm_step.encode
// Written after it was read.
// CHECK-NEXT: picollm_step.barrier
// CHECK-NEXT: picollm_step.embedding
// Written twice.
// CHECK-NEXT: picollm_step.barrier
// CHECK-NEXT: picollm_step.embedding
// The barrier that is there counts.
// CHECK-NEXT: picollm_step.barrier
// CHECK-NEXT: picollm_step.embedding
// CHECK-NEXT: }
picollm_step.program @overwrite(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %x = picollm_step.buffer : memref<?x16xf32>
  %e = picollm_step.buffer : memref<?x192xi8>
  picollm_step.encode %x for @m into %e : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
  picollm_step.barrier
  picollm_step.embedding @m(%t) into %x : memref<?xi32>, memref<?x16xf32>
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]

// CHECK-LABEL: picollm_step.program @add_in_place
// CHECK: picollm_step.linear add
// It reads what the next overwrites, and the other way round.
// CHECK-NEXT: picollm_step.barrier
// CHECK-NEXT: picollm_step.linear add
// CHECK-NEXT: }
picollm_step.program @add_in_place(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %x = picollm_step.buffer : memref<?x16xf32>
  %e = picollm_step.buffer : memref<?x192xi8>
  picollm_step.linear add %e, @m into %x : memref<?x192xi8>, memref<?x16xf32>
  picollm_step.linear add %e, @m into %x : memref<?x192xi8>, memref<?x16xf32>
}

// -----

// The KV cache is memory too, though no operand.
// CHECK-LABEL: picollm_step.program @kv_cache
// CHECK: picollm_step.attention
// CHECK-NEXT: picollm_step.barrier
// CHECK-NEXT: picollm_step.attention
// CHECK-NEXT: }
picollm_step.program @kv_cache(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %q = picollm_step.buffer : memref<?x16xf32>
  %k = picollm_step.buffer : memref<?x8xf32>
  %o = picollm_step.buffer : memref<?x16xf32>
  %p = picollm_step.buffer : memref<?x16xf32>
  picollm_step.attention %q, %k, %k layer 0 heads 2 kv_heads 1 scale 0.35 into %o : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
  picollm_step.attention %q, %k, %k layer 0 heads 2 kv_heads 1 scale 0.35 into %p : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
}

// -----

picollm_layout.weight @m : !picollm_layout.matrix<16, [16: 4x16]> <file = "m", offset = 0, size = 512, encoding = "packed", hash = ""> sources ["w"]

// Attention rotates the query in place, so it waits for those who read it.
// CHECK-LABEL: picollm_step.program @query_in_place
// CHECK: picollm_step.encode
// CHECK-NEXT: picollm_step.barrier
// CHECK-NEXT: picollm_step.attention
// CHECK-NEXT: }
picollm_step.program @query_in_place(%t: memref<?xi32>, %l: memref<?x16xf32>) {
  %q = picollm_step.buffer : memref<?x16xf32>
  %k = picollm_step.buffer : memref<?x8xf32>
  %e = picollm_step.buffer : memref<?x192xi8>
  %o = picollm_step.buffer : memref<?x16xf32>
  picollm_step.encode %q for @m into %e : memref<?x16xf32>, memref<?x192xi8>
  picollm_step.attention %q, %k, %k layer 0 heads 2 kv_heads 1 scale 0.35 into %o : memref<?x16xf32>, memref<?x8xf32>, memref<?x8xf32>, memref<?x16xf32>
}
