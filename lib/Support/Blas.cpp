//===- Blas.cpp - the state of the process's BLAS -------------------------===//

#include "picollm/Support/Blas.h"
#include <cblas.h>
#include <cstdlib>
#include <cstring>
#include <mutex>

#if defined(__linux__) && defined(__x86_64__)
// What OpenBLAS runs when it is loaded; exported where it holds the kernels of
// several CPUs (DYNAMIC_ARCH), as Debian's does.
extern "C" {
void gotoblas_dynamic_init(void) __attribute__((weak));
void gotoblas_dynamic_quit(void) __attribute__((weak));
}

/// OpenBLAS 0.3.21 knows CPUs by their model numbers and takes SSE3 kernels, a
/// fifth as fast, for every one newer than itself. Choose by features then.
static void chooseKernels() {
  if (!gotoblas_dynamic_init || !gotoblas_dynamic_quit ||
      std::getenv("OPENBLAS_CORETYPE") ||
      std::strcmp(openblas_get_corename(), "Prescott") != 0)
    return;
  const char *core = nullptr;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    core = "Haswell";
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    core = "SkylakeX";
  if (!core)
    return;
  setenv("OPENBLAS_CORETYPE", core, /*overwrite=*/1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  // Programs that this one starts shall choose for themselves.
  unsetenv("OPENBLAS_CORETYPE");
}
#else
static void chooseKernels() {}
#endif

void picollm::prepareBlas() {
  static std::once_flag once;
  std::call_once(once, [] {
    chooseKernels();
    openblas_set_num_threads(1);
  });
}
