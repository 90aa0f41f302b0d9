#include "Sha256.h"

#include "gtest/gtest.h"
#include <string>

using picollm::runtime::Sha256;

static std::string hex(Sha256 &hash) {
  std::string text;
  for (uint8_t byte : hash.finish()) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

static std::string hashOf(const std::string &message) {
  Sha256 hash;
  hash.update(message.data(), message.size());
  return hex(hash);
}

// FIPS 180-4 examples of NIST's Cryptographic Standards and Guidelines.
TEST(Sha256, PublishedExamples) {
  EXPECT_EQ(hashOf(""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hashOf("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hashOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(hashOf(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, HowTheMessageIsCutDoesNotMatter) {
  std::string message;
  for (int i = 0; i < 300; ++i)
    message += char(i * 7);
  for (size_t length : {0, 1, 55, 56, 57, 63, 64, 65, 119, 120, 128, 300}) {
    const std::string whole = hashOf(message.substr(0, length));
    for (size_t part : {1, 3, 63, 64, 65}) {
      Sha256 hash;
      for (size_t begin = 0; begin < length; begin += part)
        hash.update(message.data() + begin, std::min(part, length - begin));
      EXPECT_EQ(hex(hash), whole) << length << " bytes in parts of " << part;
    }
  }
}
