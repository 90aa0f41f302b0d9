/* loaded DIR PROMPT: loads the compiled model in DIR when it runs. */
#include <picollm.h>
#include <stdio.h>
#include <string.h>

static int show(const char *text, size_t length, void *user) {
  (void)user;
  return fwrite(text, 1, length, stdout) != length; /* nonzero: stop */
}

int main(int argc, char **argv) {
  if (argc != 3)
    return fprintf(stderr, "usage: loaded DIR PROMPT\n"), 2;
  picollm_generate_options options = {.max_tokens = 32};
  picollm_error error;
  picollm_model *model = NULL;
  picollm_session *session = NULL;
  int failed = picollm_model_load(argv[1], NULL, &model, &error) ||
               picollm_session_create(model, NULL, &session, &error) ||
               picollm_generate(session, argv[2], strlen(argv[2]), &options,
                                show, NULL, NULL, &error);
  if (failed)
    fprintf(stderr, "loaded: %s\n", error.message);
  else
    putchar('\n');
  picollm_session_free(session);
  picollm_model_free(model);
  return failed;
}
