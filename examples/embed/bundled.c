/* bundled PROMPT: libsmol.so was made with --bundle; it is all there is. */
#include "smol.h"
#include <stdio.h>
#include <string.h>

static int show(const char *text, size_t length, void *user) {
  (void)user;
  return fwrite(text, 1, length, stdout) != length; /* nonzero: stop */
}

int main(int argc, char **argv) {
  if (argc != 2)
    return fprintf(stderr, "usage: bundled PROMPT\n"), 2;
  picollm_generate_options options = {.max_tokens = 32};
  picollm_error error;
  picollm_model *model = NULL;
  picollm_session *session = NULL;
  int failed = picollm_smol_open(NULL, &model, &error) ||
               picollm_session_create(model, NULL, &session, &error) ||
               picollm_generate(session, argv[1], strlen(argv[1]), &options,
                                show, NULL, NULL, &error);
  if (failed)
    fprintf(stderr, "bundled: %s\n", error.message);
  else
    putchar('\n');
  picollm_session_free(session);
  picollm_model_free(model);
  return failed;
}
