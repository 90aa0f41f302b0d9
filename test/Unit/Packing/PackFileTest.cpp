//===- PackFileTest.cpp - damaged .picollm files --------------------------===//

#include "picollm/Packing/PackFile.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SHA256.h"
#include <cstddef>
#include <cstring>
#include <gtest/gtest.h>

using namespace picollm;

namespace {

class PackFileTest : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("pack", folder));
    auto writer =
        llvm::cantFail(WeightFileWriter::create(file("tiny.weights")));
    llvm::cantFail(writer->appendFloats({1.0f, -2.0f, 0.5f}));
    llvm::cantFail(writer->finish());
    llvm::cantFail(writePackFile(file("tiny.picollm"), module, tokenizer,
                                 allocation, file("tiny.weights")));
    bytes = read(file("tiny.picollm"));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  std::string file(llvm::StringRef name) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, name);
    return path.str().str();
  }
  static std::string read(llvm::StringRef path) {
    auto buffer = llvm::MemoryBuffer::getFile(path);
    return buffer ? (*buffer)->getBuffer().str() : std::string();
  }
  /// What opening a file of these bytes says; empty where it works.
  std::string messageFor(llvm::StringRef content) {
    llvm::cantFail(writeFile(file("damaged"), content));
    auto opened = PackFile::open(file("damaged"));
    return opened ? "" : llvm::toString(opened.takeError());
  }
  PackFileHeader header() {
    PackFileHeader header;
    std::memcpy(&header, bytes.data(), sizeof(header));
    return header;
  }
  /// The bytes with another header, whose own hash is right.
  std::string withHeader(PackFileHeader header) {
    auto hash = llvm::SHA256::hash({reinterpret_cast<uint8_t *>(&header),
                                    offsetof(PackFileHeader, sha256)});
    llvm::copy(hash, header.sha256);
    std::string result = bytes;
    std::memcpy(result.data(), &header, sizeof(header));
    return result;
  }

  llvm::SmallString<128> folder;
  std::string module = "a module", tokenizer = std::string(1000, 't'),
              allocation = "{}", bytes;
};

TEST_F(PackFileTest, GivesBackWhatWasWritten) {
  auto pack = llvm::cantFail(PackFile::open(file("tiny.picollm")));
  EXPECT_EQ(pack->section(PackSection::Module), module);
  EXPECT_EQ(pack->section(PackSection::Tokenizer), tokenizer);
  EXPECT_EQ(pack->section(PackSection::Allocation), allocation);
  EXPECT_EQ(pack->section(PackSection::Weights), read(file("tiny.weights")));
  EXPECT_EQ(pack->offset(PackSection::Weights) % 4096, 0u);
  llvm::cantFail(pack->extractWeights(file("again.weights")));
  EXPECT_EQ(read(file("again.weights")), read(file("tiny.weights")));
  EXPECT_TRUE(isPackFile(file("tiny.picollm")));
  EXPECT_FALSE(isPackFile(file("tiny.weights")));
  EXPECT_FALSE(isPackFile(folder));
  EXPECT_FALSE(isPackFile(file("missing")));
}

TEST_F(PackFileTest, RefusesAnyFlippedBit) {
  for (size_t at = 0; at < bytes.size(); at += at < 300 ? 1 : 37) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << at % 8));
    EXPECT_NE(messageFor(damaged), "") << "byte " << at;
  }
}

TEST_F(PackFileTest, RefusesAnyOtherLength) {
  for (size_t size = 0; size < bytes.size(); size += size < 300 ? 7 : 211)
    EXPECT_NE(messageFor(bytes.substr(0, size)), "") << size << " bytes";
  EXPECT_NE(messageFor(bytes.substr(0, bytes.size() - 1)), "");
  EXPECT_NE(messageFor(bytes + '\0'), "");
}

TEST_F(PackFileTest, RefusesHeadersThatHashRightButLie) {
  struct Lie {
    const char *what;
    void (*tell)(PackFileHeader &header);
    const char *message;
  };
  const Lie lies[] = {
      {"version", [](PackFileHeader &h) { ++h.version; }, "format version"},
      {"file bytes", [](PackFileHeader &h) { h.fileBytes += 4096; },
       "its header says"},
      {"huge section", [](PackFileHeader &h) { h.sections[0].bytes = ~0ull; },
       "damaged header"},
      {"sum that overflows",
       [](PackFileHeader &h) { h.sections[1].bytes = ~0ull - 4096; },
       "damaged header"},
      {"overlap", [](PackFileHeader &h) { h.sections[1].offset = 4096; },
       "not where their sizes put them"},
      {"gap", [](PackFileHeader &h) { h.sections[3].offset += 4096; },
       "not where their sizes put them"},
      {"longer section", [](PackFileHeader &h) { h.sections[0].bytes += 1; },
       "'module' is damaged"},
      {"other hash", [](PackFileHeader &h) { h.sections[2].sha256[5] ^= 1; },
       "'allocation' is damaged"},
      {"other hash of the weights",
       [](PackFileHeader &h) { h.sections[3].sha256[0] ^= 1; },
       "'weights' is damaged"},
  };
  for (const Lie &lie : lies) {
    PackFileHeader bent = header();
    lie.tell(bent);
    std::string message = messageFor(withHeader(bent));
    EXPECT_NE(message.find(lie.message), std::string::npos)
        << lie.what << ": " << message;
  }
  EXPECT_EQ(messageFor(withHeader(header())), "");
}

TEST_F(PackFileTest, NeedsAWeightFile) {
  llvm::cantFail(writeFile(file("letter"), "Dear reader,"));
  std::string message = llvm::toString(writePackFile(
      file("new.picollm"), module, tokenizer, allocation, file("letter")));
  EXPECT_NE(message.find("letter: is no weight file"), std::string::npos)
      << message;
  EXPECT_FALSE(llvm::sys::fs::exists(file("new.picollm")));
}

} // namespace
