// SHA-256 (FIPS 180-4), for the hash of a weight file.
#ifndef PICOLLM_RUNTIME_SHA256_H
#define PICOLLM_RUNTIME_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>

namespace picollm::runtime {

class Sha256 {
public:
  /// Appends `size` bytes to the message.
  void update(const void *data, size_t size);
  /// Ends the message; the object must not be used afterwards.
  std::array<uint8_t, 32> finish();

private:
  void compress(const uint8_t *block);

  std::array<uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                   0xa54ff53a, 0x510e527f, 0x9b05688c,
                                   0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending = {};
  size_t pendingBytes = 0;
  uint64_t totalBytes = 0;
};

} // namespace picollm::runtime

#endif
