// How fast this machine multiplies bytes.
#ifndef PICOLLM_BENCH_BYTEPRODUCTS_H
#define PICOLLM_BENCH_BYTEPRODUCTS_H

#include <string>

/// Products of bytes, each added to a sum, that several threads do per second
/// from registers, by the best instruction among `cpuFeatures` (LLVM's names,
/// commas between them): dot products where there are some, else products with
/// sums of 16 bits. 0: this program knows none.
double byteProductsPerSecond(const std::string &cpuFeatures, int threads);

#endif
