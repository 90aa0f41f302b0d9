/* model_logits FOLDER COUNT: runs a compiled model for another process
 * (test/EndToEnd/EmulatedModelsTest.cpp). On stdin: tokens, int32. On stdout:
 *   CPU features of the variant that runs, and a line feed
 *   logits of all tokens, given at once: f32 [tokens][vocabulary]
 *   the same, given one by one
 *   COUNT tokens that greedy decoding appends: int32 */

#include "picollm.h"
#include <stdio.h>
#include <stdlib.h>

enum { max_tokens = 4096 };

static picollm_error error;

static void check(picollm_status status) {
  if (status == PICOLLM_OK)
    return;
  fprintf(stderr, "model_logits: %s\n", error.message);
  exit(1);
}

/* Appends `count` tokens, `step` at a time. The logits of the last of them. */
static const float *forward(picollm_session *session, const int32_t *tokens,
                            size_t count, size_t step, float *logits,
                            size_t vocabulary) {
  for (size_t i = 0; i < count; i += step)
    check(picollm_forward(session, tokens + i, step, 0, logits + i * vocabulary,
                          &error));
  return logits + (count - 1) * vocabulary;
}

int main(int argc, char **argv) {
  static int32_t tokens[max_tokens];
  size_t count = fread(tokens, sizeof *tokens, max_tokens, stdin);
  if (argc != 3 || count == 0)
    return 2;
  size_t more = (size_t)atoi(argv[2]);
  picollm_model *model = NULL;
  check(picollm_model_load(argv[1], NULL, &model, &error));
  printf("%s\n", picollm_model_cpu_features(model));
  size_t vocabulary = (size_t)picollm_model_vocabulary(model);
  float *logits = malloc(count * vocabulary * sizeof *logits);
  picollm_session_options options = {0};
  options.context_length = (int64_t)(count + more);
  options.threads = 2;
  for (int one_by_one = 0; one_by_one < 2; ++one_by_one) {
    picollm_session *session = NULL;
    check(picollm_session_create(model, &options, &session, &error));
    const float *last = forward(session, tokens, count, one_by_one ? 1 : count,
                                logits, vocabulary);
    fwrite(logits, sizeof *logits, count * vocabulary, stdout);
    for (size_t i = 0; one_by_one && i < more; ++i) {
      int32_t best = 0;
      for (size_t j = 1; j < vocabulary; ++j)
        if (last[j] > last[best])
          best = (int32_t)j;
      fwrite(&best, sizeof best, 1, stdout);
      last = forward(session, &best, 1, 1, logits, vocabulary);
    }
    picollm_session_free(session);
  }
  free(logits);
  picollm_model_free(model);
  return 0;
}
