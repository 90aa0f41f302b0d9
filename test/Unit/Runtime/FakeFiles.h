// The files of the fake models.
#ifndef PICOLLM_TEST_FAKEFILES_H
#define PICOLLM_TEST_FAKEFILES_H

#include "picollm/Chat/ChatFormat.h"

#include <cstdint>
#include <string>
#include <vector>

namespace picollm::test {

/// So that a vector is as aligned as weights must be.
struct alignas(64) CacheLine {
  uint8_t bytes[64];
};

/// The bytes of a weight file that fits the fake models.
std::vector<CacheLine> fakeWeights();

/// The bytes of a tokenizer file whose tokens are the 256 bytes, "<|begin|>"
/// (added before a text if `addBegin`) and "<|end|>".
std::string fakeTokenizer(bool addBegin, const ChatFormat &chat = {});

void writeFile(const std::string &path, const void *data, size_t size);
std::string readFile(const std::string &path);

/// A folder of its own for the test that runs, empty.
std::string freshFolder();

/// A folder with fake.weights, fake.tokenizer and the library of that kind
/// ("good", "endless", "other-abi", "other-cpu").
std::string fakeModelFolder(const std::string &kind = "good",
                            const ChatFormat &chat = {});

} // namespace picollm::test

#endif
