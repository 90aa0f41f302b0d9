/* The contract between a compiled model (lib<name>.so) and the runtime that
 * executes it. Plain C, no dependency. Compiled code is generated against the
 * offsets of these structs: a change here is a new PICOLLM_ABI_VERSION. */
#ifndef PICOLLM_ABI_H
#define PICOLLM_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PICOLLM_ABI_VERSION 5

/* Bytes of a build id: the first 16 bytes of the SHA-256 of the weight file's
 * content. Library and weight file carry the same one. */
#define PICOLLM_BUILD_ID_BYTES 16

/* The keys, and the values, of a head lie in blocks of so many positions. */
#define PICOLLM_KV_BLOCK_POSITIONS 16

/* Tokens of a step that follow each other in one KV cache. */
typedef struct picollm_step_sequence {
  uint8_t *kv;         /* [2: K, V][layer][kv_head] blocks of one size, as many
                          as `context` needs, kv_bytes(context) in all; what
                          is in a block is the step's own business */
  int64_t context;     /* positions the KV cache has room for */
  int64_t position;    /* of the first of its tokens;
                          position + token_count <= context */
  int64_t first_token; /* its index in the step's tokens */
  int64_t token_count; /* at least 1 */
} picollm_step_sequence;

/* What one step works on. Filled by the runtime, the same for every thread of
 * the step, constant while the step runs. All memory is the runtime's. */
typedef struct picollm_step_arguments {
  const uint8_t *weights; /* first byte of the mapped weight file */
  const picollm_step_sequence *sequences; /* each with a KV cache of its own; in
                                             order they are all of `tokens` */
  int64_t sequence_count;                 /* at least 1 */
  uint8_t *scratch;      /* scratch_bytes(token_count, threads), 64-aligned */
  const int32_t *tokens; /* token_count ids, each in [0, vocabulary) */
  float *logits;         /* [token_count - logits_begin][vocabulary] */
  int64_t token_count;   /* 1 for decode, more for prefill and batches */
  int64_t logits_begin;  /* logits are wanted for tokens[logits_begin..);
                            token_count where none is wanted */
  int64_t call_tokens;   /* of the whole call, of which this step may be a part:
                            how activations are encoded depends on it */
  int64_t call_logits;   /* rows of logits of the whole call, likewise */
  void *barrier;         /* passed to wait */
  void (*wait)(void *barrier); /* returns once all threads have called it */
} picollm_step_arguments;

/* Every thread calls step with the same arguments and its own index; all of
 * them run the whole step and meet at barriers. Results do not depend on the
 * number of threads. */
typedef void (*picollm_step_function)(const picollm_step_arguments *arguments,
                                      int32_t thread, int32_t threads);

/* One instruction-set variant of the same step. */
typedef struct picollm_variant {
  const char *cpu_features; /* needed: LLVM feature names, comma-separated, as
                               "avx2,f16c,fma"; "" needs none */
  picollm_step_function step;
} picollm_variant;

/* What picollm_<name>_model() returns: constant data of the library. */
typedef struct picollm_compiled_model {
  uint32_t abi_version;  /* PICOLLM_ABI_VERSION; always the first member */
  uint32_t struct_bytes; /* sizeof(picollm_compiled_model) */
  const char *name;
  const char *architecture; /* as in the model file, for example "llama" */
  uint8_t build_id[PICOLLM_BUILD_ID_BYTES];
  uint64_t weights_bytes; /* size of the weight file */
  int64_t vocabulary;     /* logits per token */
  int64_t context;        /* positions the model was trained for */
  int64_t layers;
  int64_t embedding;
  int64_t kv_heads;
  int64_t head_size;
  uint64_t (*kv_bytes)(int64_t context); /* of at most that context */
  uint64_t (*scratch_bytes)(int64_t tokens, int32_t threads);
  const picollm_variant *variants; /* best first; the runtime takes the first
                                      that the CPU can run */
  int64_t variant_count;
} picollm_compiled_model;

typedef const picollm_compiled_model *(*picollm_model_function)(void);

/* What picollm_<name>_bundle() of a library made with --bundle returns: the
 * files that it has inside, constant data of the library. */
typedef struct picollm_bundle {
  const uint8_t *weights; /* page-aligned */
  uint64_t weights_bytes;
  const uint8_t *tokenizer; /* 64-aligned */
  uint64_t tokenizer_bytes;
} picollm_bundle;

typedef const picollm_bundle *(*picollm_bundle_function)(void);

#ifdef __cplusplus
} /* extern "C" */

static_assert(sizeof(picollm_bundle) == 32, "generated code fills it");
static_assert(sizeof(picollm_step_sequence) == 40, "generated code indexes it");
static_assert(sizeof(picollm_step_arguments) == 96,
              "generated code indexes it");
static_assert(sizeof(picollm_compiled_model) == 128, "generated code fills it");
#endif

#endif /* PICOLLM_ABI_H */
