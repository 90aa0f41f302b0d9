// How fast this machine reads memory.
#ifndef PICOLLM_BENCH_READBANDWIDTH_H
#define PICOLLM_BENCH_READBANDWIDTH_H

#include <cstdint>
#include <vector>

/// Reads a buffer that no cache holds, from start to end, with several threads.
class ReadBandwidth {
public:
  /// Allocates and fills the buffer. `bytes`: a multiple of 4096.
  explicit ReadBandwidth(uint64_t bytes);

  /// Reads the buffer once; each of the threads a part of its own. Bytes per
  /// second.
  double measure(int threads);

private:
  std::vector<uint64_t> words;
  volatile uint64_t sink = 0; ///< what was read is used
};

#endif
