/* two-bundles LIBRARY NAME LIBRARY NAME PROMPT: two bundles in one process,
 * beside a shared runtime that the program itself uses. Each writes a line, in
 * turn, while both sessions exist. */
#include <dlfcn.h>
#include <picollm.h>
#include <stdio.h>
#include <string.h>

static int show(const char *text, size_t length, void *user) {
  (void)user;
  return fwrite(text, 1, length, stdout) != length;
}

typedef struct {
  void *library;
  picollm_model *model;
  picollm_session *session;
} bundle;

static void *find(const bundle *b, const char *symbol) {
  void *address = dlsym(b->library, symbol);
  if (!address)
    fprintf(stderr, "%s\n", dlerror());
  return address;
}

static int start(bundle *b, const char *path, const char *name) {
  picollm_error error = {0, ""};
  char open_name[128];
  snprintf(open_name, sizeof open_name, "picollm_%s_open", name);
  b->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!b->library)
    return fprintf(stderr, "%s\n", dlerror());
  picollm_status (*open)(const picollm_model_options *, picollm_model **,
                         picollm_error *);
  picollm_status (*create)(const picollm_model *,
                           const picollm_session_options *, picollm_session **,
                           picollm_error *);
  *(void **)&open = find(b, open_name);
  *(void **)&create = find(b, "picollm_session_create");
  picollm_model_options options = {1};
  if (open(&options, &b->model, &error) ||
      create(b->model, NULL, &b->session, &error))
    return fprintf(stderr, "%s: %s\n", path, error.message);
  return 0;
}

static int answer(const bundle *b, const char *prompt) {
  picollm_error error = {0, ""};
  picollm_generate_options options = {0};
  options.max_tokens = 32;
  picollm_status (*generate)(
      picollm_session *, const char *, size_t, const picollm_generate_options *,
      picollm_stream, void *, picollm_generate_result *, picollm_error *);
  *(void **)&generate = find(b, "picollm_generate");
  if (generate(b->session, prompt, strlen(prompt), &options, show, NULL, NULL,
               &error))
    return fprintf(stderr, "%s\n", error.message);
  putchar('\n');
  return 0;
}

static void stop(const bundle *b) {
  void (*free_session)(picollm_session *);
  void (*free_model)(picollm_model *);
  *(void **)&free_session = find(b, "picollm_session_free");
  *(void **)&free_model = find(b, "picollm_model_free");
  free_session(b->session);
  free_model(b->model);
  dlclose(b->library);
}

int main(int argc, char **argv) {
  if (argc != 6)
    return 2;
  /* So that this program needs its own runtime. */
  if (picollm_version()[0] == '\0')
    return 1;
  bundle bundles[2];
  if (start(&bundles[0], argv[1], argv[2]) ||
      start(&bundles[1], argv[3], argv[4]) || answer(&bundles[0], argv[5]) ||
      answer(&bundles[1], argv[5]))
    return 1;
  stop(&bundles[0]);
  stop(&bundles[1]);
  return 0;
}
