#ifndef PICOLLM_BENCH_MEDIAN_H
#define PICOLLM_BENCH_MEDIAN_H

#include <algorithm>
#include <vector>

/// The upper one of an even number.
inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

#endif
