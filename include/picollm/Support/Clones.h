//===- Clones.h - hot loops for several processors --------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_CLONES_H
#define PICOLLM_SUPPORT_CLONES_H

/// Before a function: it is compiled for AVX2 too, and the processor decides
/// which one is called. Without FMA: both give equal results.
#if defined(__x86_64__) && defined(__linux__)
#define PICOLLM_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define PICOLLM_CLONES
#endif

#endif // PICOLLM_SUPPORT_CLONES_H
