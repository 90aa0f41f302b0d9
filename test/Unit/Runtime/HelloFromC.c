/* The smallest program that uses a model, in C; GenerateTest calls it. */
#include "HelloFromC.h"
#include "picollm.h"

#include <stdio.h>
#include <string.h>

static int append(const char *text, size_t length, void *user) {
  strncat((char *)user, text, length);
  return 0;
}

int helloFromC(const char *directory, const char *prompt, char *text) {
  picollm_error error;
  picollm_model *model = NULL;
  picollm_session *session = NULL;
  picollm_generate_options options = {0};
  options.max_tokens = 8;
  int failed = picollm_model_load(directory, NULL, &model, &error) ||
               picollm_session_create(model, NULL, &session, &error) ||
               picollm_generate(session, prompt, strlen(prompt), &options,
                                append, text, NULL, &error);
  if (failed)
    fprintf(stderr, "%s\n", error.message);
  picollm_session_free(session);
  picollm_model_free(model);
  return failed;
}
