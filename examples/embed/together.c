/* together DIR PROMPT...: continues several texts with the compiled model in
 * DIR, all in the same steps, so that the weights are read once for all. */
#include <picollm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_TEXTS = 64, MAX_PROMPT = 1024, NEW_TOKENS = 32 };

typedef struct text {
  picollm_session *session;
  int32_t tokens[NEW_TOKENS];
  size_t count;
} text;

static int32_t most_probable(const float *logits, size_t vocabulary) {
  size_t best = 0;
  for (size_t i = 1; i < vocabulary; ++i)
    if (logits[i] > logits[best])
      best = i;
  return (int32_t)best;
}

/* A session with the prompt in it, and the logits after it. */
static picollm_status start(const picollm_model *model, const char *prompt,
                            int32_t threads, picollm_session **session,
                            float *logits, picollm_error *error) {
  const picollm_session_options options = {.threads = threads};
  int32_t tokens[MAX_PROMPT];
  size_t count = 0;
  picollm_status status = picollm_tokenize(model, prompt, strlen(prompt), 0, 1,
                                           tokens, MAX_PROMPT, &count, error);
  if (!status)
    status = picollm_session_create(model, &options, session, error);
  if (status)
    return status;
  if (count == 0 || count > MAX_PROMPT) {
    snprintf(error->message, sizeof error->message,
             "a prompt has %zu tokens, but must have 1 to %d", count,
             MAX_PROMPT);
    return PICOLLM_INVALID_ARGUMENT;
  }
  return picollm_forward(*session, tokens, count, count - 1, logits, error);
}

/* One token more for each text that has not ended; `logits` hold a row for
 * each of these. Then `going` are those that go on, `logits` theirs. */
static picollm_status step(const picollm_model *model, text **going,
                           size_t *going_count, float *logits,
                           picollm_error *error) {
  const size_t vocabulary = (size_t)picollm_model_vocabulary(model);
  picollm_session *sessions[MAX_TEXTS];
  int32_t tokens[MAX_TEXTS];
  size_t kept = 0;
  for (size_t i = 0; i < *going_count; ++i) {
    text *t = going[i];
    const int32_t token = most_probable(logits + i * vocabulary, vocabulary);
    if (picollm_token_ends_text(model, token))
      continue;
    t->tokens[t->count++] = token;
    if (t->count == NEW_TOKENS)
      continue;
    sessions[kept] = t->session;
    tokens[kept] = token;
    going[kept++] = t;
  }
  *going_count = kept;
  return picollm_forward_sessions(sessions, tokens, kept, logits, error);
}

static void print(const picollm_model *model, const text *t) {
  for (size_t i = 0; i < t->count; ++i) {
    const char *bytes = NULL;
    size_t length = 0;
    picollm_token_bytes(model, t->tokens[i], &bytes, &length, NULL);
    fwrite(bytes, 1, length, stdout);
  }
  putchar('\n');
}

int main(int argc, char **argv) {
  const size_t count = argc < 3 ? 0 : (size_t)argc - 2;
  if (count == 0 || count > MAX_TEXTS)
    return fprintf(stderr, "usage: together DIR PROMPT... (at most %d)\n",
                   MAX_TEXTS),
           2;
  picollm_error error;
  picollm_model *model = NULL;
  if (picollm_model_load(argv[1], NULL, &model, &error))
    return fprintf(stderr, "together: %s\n", error.message), 1;
  const size_t vocabulary = (size_t)picollm_model_vocabulary(model);
  float *logits = calloc(count * vocabulary, sizeof(float));
  if (!logits)
    return fprintf(stderr, "together: not enough memory\n"), 1;
  text texts[MAX_TEXTS] = {0};
  text *going[MAX_TEXTS];
  size_t going_count = count;
  picollm_status status = PICOLLM_OK;
  for (size_t i = 0; i < count && !status; ++i) {
    going[i] = &texts[i];
    /* Steps run on the threads of the first session. */
    const int32_t threads = i == 0 ? 0 : 1;
    status = start(model, argv[i + 2], threads, &texts[i].session,
                   logits + i * vocabulary, &error);
  }
  while (!status && going_count > 0)
    status = step(model, going, &going_count, logits, &error);
  if (status)
    fprintf(stderr, "together: %s\n", error.message);
  for (size_t i = 0; i < count && !status; ++i)
    print(model, &texts[i]);
  for (size_t i = 0; i < count; ++i)
    picollm_session_free(texts[i].session);
  free(logits);
  picollm_model_free(model);
  return status != PICOLLM_OK;
}
