/* Preloaded into a tool, makes one of its calls that change files fail.
 *
 *   PICOLLM_FAULT=kill:N   the process is killed before its Nth such call
 *   PICOLLM_FAULT=CODE:N   the Nth and all later ones that take space fail with
 *                          the error number CODE: 28 is a full disk
 *
 * Writes to stdin, stdout and stderr do not count. Removing and renaming never
 * run out of space; they count, but fail only by being killed. Each process
 * that is started counts its own calls. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long calls;

/* 0, or the error with which this call has to fail. */
static int fault(int takes_space) {
  const char *wanted = getenv("PICOLLM_FAULT");
  const char *colon = wanted ? strchr(wanted, ':') : NULL;
  if (!colon)
    return 0;
  const long number = atol(colon + 1), now = ++calls;
  if (strncmp(wanted, "kill", 4) == 0) {
    if (now == number)
      kill(getpid(), SIGKILL);
    return 0;
  }
  return now >= number && takes_space ? atoi(wanted) : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(takes_space)                                                      \
  do {                                                                         \
    const int code = fault(takes_space);                                       \
    if (code) {                                                                \
      errno = code;                                                            \
      return -1;                                                               \
    }                                                                          \
  } while (0)

/* The mode is there for calls that make a file only; reading it otherwise
 * gives a number that nobody looks at. */
#define OPEN(name)                                                             \
  int name(const char *path, int flags, ...) {                                 \
    va_list rest;                                                              \
    va_start(rest, flags);                                                     \
    const int mode = flags & O_CREAT ? va_arg(rest, int) : 0;                  \
    va_end(rest);                                                              \
    if (flags & O_CREAT)                                                       \
      FAIL(1);                                                                 \
    return REAL(name)(path, flags, mode);                                      \
  }
OPEN(open)
OPEN(open64)

ssize_t write(int file, const void *bytes, size_t count) {
  if (file > 2)
    FAIL(1);
  return REAL(write)(file, bytes, count);
}

ssize_t copy_file_range(int from, off64_t *from_offset, int to,
                        off64_t *to_offset, size_t count, unsigned flags) {
  FAIL(1);
  return REAL(copy_file_range)(from, from_offset, to, to_offset, count, flags);
}

int mkdir(const char *path, mode_t mode) {
  FAIL(1);
  return REAL(mkdir)(path, mode);
}

int posix_fallocate64(int file, off64_t offset, off64_t count) {
  const int code = fault(1);
  return code ? code : REAL(posix_fallocate64)(file, offset, count);
}

int rename(const char *from, const char *to) {
  FAIL(0);
  return REAL(rename)(from, to);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to,
              unsigned flags) {
  FAIL(0);
  return REAL(renameat2)(from_folder, from, to_folder, to, flags);
}

int unlink(const char *path) {
  FAIL(0);
  return REAL(unlink)(path);
}

int rmdir(const char *path) {
  FAIL(0);
  return REAL(rmdir)(path);
}

int remove(const char *path) {
  FAIL(0);
  return REAL(remove)(path);
}
