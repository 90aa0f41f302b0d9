/* call_functions LIBRARY.so: calls functions of a library for another process
 * (test/Unit/Conversion/EmulatedLibrary.cpp). All numbers are 8 bytes.
 *
 * A request on stdin: length and bytes of a function's name; number of buffers,
 * length and bytes of each; number of arguments (at most 8), of each the number
 * of a buffer and an offset in it, or -1 and an integer. The answer on stdout:
 * the bytes of all buffers after the call. Ends with stdin; exits with 1 where
 * a request cannot be met. */

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { max_buffers = 8, max_arguments = 9 };

static int64_t number(void) {
  int64_t value;
  if (fread(&value, sizeof value, 1, stdin) != 1)
    exit(1);
  return value;
}

static char *bytes(int64_t length) {
  /* Aligned as the runtime's, with room for the end of a string. */
  char *data = aligned_alloc(64, ((size_t)length + 64) / 64 * 64);
  if (!data || fread(data, 1, (size_t)length, stdin) != (size_t)length)
    exit(1);
  return data;
}

static void serve(void *library) {
  typedef void function(int64_t, int64_t, int64_t, int64_t, int64_t, int64_t,
                        int64_t, int64_t, int64_t);
  int64_t length = number();
  char *name = bytes(length);
  name[length] = 0;
  char *buffers[max_buffers];
  int64_t lengths[max_buffers], count = number();
  if (count > max_buffers)
    exit(1);
  for (int64_t i = 0; i < count; ++i) {
    lengths[i] = number();
    buffers[i] = bytes(lengths[i]);
  }
  int64_t a[max_arguments] = {0}, arguments = number();
  if (arguments > max_arguments)
    exit(1);
  for (int64_t i = 0; i < arguments; ++i) {
    int64_t buffer = number(), value = number();
    a[i] = buffer < 0 ? value : (int64_t)(intptr_t)(buffers[buffer] + value);
  }
  void *address = dlsym(library, name);
  if (!address) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  /* Arguments too many are not looked at. */
  ((function *)address)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
  for (int64_t i = 0; i < count; ++i) {
    fwrite(buffers[i], 1, (size_t)lengths[i], stdout);
    free(buffers[i]);
  }
  free(name);
  fflush(stdout);
}

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (!library) {
    fprintf(stderr, "%s\n", argc == 2 ? dlerror() : "expected a library");
    return 1;
  }
  for (int first; (first = getchar()) != EOF;) {
    ungetc(first, stdin);
    serve(library);
  }
  return 0;
}
