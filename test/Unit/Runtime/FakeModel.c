#include "FakeModel.h"

#ifndef FAKE_ABI_VERSION
#define FAKE_ABI_VERSION PICOLLM_ABI_VERSION
#endif
#ifndef FAKE_CPU_FEATURES
#define FAKE_CPU_FEATURES ""
#endif
/* Added to the logit of the end token. */
#ifndef FAKE_END_LOGIT
#define FAKE_END_LOGIT 0
#endif

/* Each position has 8 numbers in the KV cache: keys and values of 2 layers with
 * a head of 2. */
#define NUMBERS 8
#define LAYERS 2
#define HEAD_SIZE 2
#define HEADER_BYTES 4096

/* Python: hashlib.sha256(bytes(i * 37 % 251 for i in range(4096))) */
#define BUILD_ID                                                               \
  {0x4f, 0xe5, 0x6f, 0x15, 0x3f, 0xb9, 0xb6, 0x6e,                             \
   0x94, 0x17, 0x64, 0xb8, 0x42, 0xa8, 0x95, 0x13}

static uint32_t mix(uint32_t a, uint32_t b) {
  uint32_t x = a * 0x9e3779b1u ^ (b + 0x85ebca6bu);
  x ^= x >> 15;
  x *= 0x2c1b3c6du;
  x ^= x >> 12;
  return x;
}

/* Whole blocks of positions. */
static int64_t roomFor(int64_t context) {
  return (context + PICOLLM_KV_BLOCK_POSITIONS - 1) /
         PICOLLM_KV_BLOCK_POSITIONS * PICOLLM_KV_BLOCK_POSITIONS;
}

static uint64_t kvBytes(int64_t context) {
  return (uint64_t)roomFor(context) * NUMBERS * sizeof(uint16_t);
}

/* Number d of a position in a cache [2][layer][room][head size]. */
static uint16_t *cached(const picollm_step_sequence *s, int64_t position,
                        int d) {
  return (uint16_t *)s->kv +
         (d / HEAD_SIZE * roomFor(s->context) + position) * HEAD_SIZE +
         d % HEAD_SIZE;
}

/* The one that token t is of. */
static const picollm_step_sequence *sequenceOf(const picollm_step_arguments *a,
                                               int64_t t) {
  const picollm_step_sequence *s = a->sequences;
  while (t >= s->first_token + s->token_count)
    ++s;
  return s;
}

static int64_t positionOf(const picollm_step_sequence *s, int64_t t) {
  return s->position + t - s->first_token;
}

/* A sum per token and dimension, then a line per thread. */
static uint64_t scratchBytes(int64_t tokens, int32_t threads) {
  return (uint64_t)tokens * NUMBERS * sizeof(uint32_t) + (uint64_t)threads * 64;
}

static void mixingStep(const picollm_step_arguments *a, int32_t thread,
                       int32_t threads) {
  uint32_t *sums = (uint32_t *)a->scratch;
  uint8_t *line =
      a->scratch + a->token_count * NUMBERS * sizeof(uint32_t) + thread * 64;
  const uint8_t *content = a->weights + HEADER_BYTES;
  for (int i = 0; i < 64; ++i)
    line[i] = (uint8_t)thread;
  /* Tokens are dealt to the threads. */
  for (int64_t t = thread; t < a->token_count; t += threads) {
    const picollm_step_sequence *s = sequenceOf(a, t);
    const int64_t position = positionOf(s, t);
    for (int d = 0; d < NUMBERS; ++d)
      *cached(s, position, d) = (uint16_t)mix(
          (uint32_t)a->tokens[t] + content[(a->tokens[t] * 8 + d) % 4096],
          (uint32_t)position * NUMBERS + (uint32_t)d);
  }
  a->wait(a->barrier);
  /* Dimensions are dealt: each needs the tokens of all threads. */
  for (int64_t t = 0; t < a->token_count; ++t) {
    const picollm_step_sequence *s = sequenceOf(a, t);
    for (int d = thread; d < NUMBERS; d += threads) {
      uint32_t sum = 0;
      for (int64_t p = 0; p <= positionOf(s, t); ++p)
        sum = mix(sum, *cached(s, p, d));
      sums[t * NUMBERS + d] = sum;
    }
  }
  a->wait(a->barrier);
  /* Logits are dealt: each needs the dimensions of all threads. */
  for (int64_t t = a->logits_begin; t < a->token_count; ++t)
    for (int v = thread; v < FAKE_VOCABULARY; v += threads) {
      uint32_t sum = (uint32_t)v;
      for (int d = 0; d < NUMBERS; ++d)
        sum = mix(sum, sums[t * NUMBERS + d]);
      a->logits[(t - a->logits_begin) * FAKE_VOCABULARY + v] =
          (float)(sum >> 8) * (8.0f / 16777216.0f) - 4.0f +
          (v == FAKE_END_TOKEN ? FAKE_END_LOGIT : 0);
    }
}

static void countingStep(const picollm_step_arguments *a, int32_t thread,
                         int32_t threads) {
  for (int64_t t = a->logits_begin; t < a->token_count; ++t)
    for (int v = thread; v < FAKE_VOCABULARY; v += threads)
      a->logits[(t - a->logits_begin) * FAKE_VOCABULARY + v] =
          v == (a->tokens[t] + 1) % FAKE_VOCABULARY ? 10.0f : 0.0f;
  a->wait(a->barrier);
}

static const picollm_variant mixingVariants[] = {
    {FAKE_CPU_FEATURES, mixingStep}};
/* The first is for a CPU that does not exist. */
static const picollm_variant countingVariants[] = {
    {"feature-of-no-cpu", mixingStep}, {"", countingStep}};

static const picollm_compiled_model fake = {FAKE_ABI_VERSION,
                                            sizeof(picollm_compiled_model),
                                            "fake",
                                            "mixing",
                                            BUILD_ID,
                                            HEADER_BYTES + FAKE_CONTENT_BYTES,
                                            FAKE_VOCABULARY,
                                            FAKE_CONTEXT,
                                            LAYERS,
                                            NUMBERS,
                                            1,
                                            HEAD_SIZE,
                                            kvBytes,
                                            scratchBytes,
                                            mixingVariants,
                                            1};

static const picollm_compiled_model counting = {PICOLLM_ABI_VERSION,
                                                sizeof(picollm_compiled_model),
                                                "counting",
                                                "counting",
                                                BUILD_ID,
                                                HEADER_BYTES +
                                                    FAKE_CONTENT_BYTES,
                                                FAKE_VOCABULARY,
                                                FAKE_CONTEXT,
                                                LAYERS,
                                                NUMBERS,
                                                1,
                                                HEAD_SIZE,
                                                kvBytes,
                                                scratchBytes,
                                                countingVariants,
                                                2};

const picollm_compiled_model *picollm_fake_model(void) { return &fake; }
const picollm_compiled_model *picollm_counting_model(void) { return &counting; }
