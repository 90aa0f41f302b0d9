//===- AttentionKernelsTest.cpp - objects, names, cache and errors --------===//

#include "AttentionLibrary.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Object/ObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include "gtest/gtest.h"
#include <cstdlib>
#include <set>
#include <thread>

using namespace llvm;
using namespace picollm;

namespace {

AttentionOptions testOptions() {
  AttentionOptions options;
  options.cacheDirectory = temporaryDirectory();
  return options;
}

std::string errorOf(Expected<std::string> result) {
  return result ? "no error: " + *result : toString(result.takeError());
}

/// Names that the object needs, and those that it gives to others.
struct Symbols {
  std::set<std::string> undefined, global;
};

Symbols readSymbols(const std::string &path) {
  Symbols symbols;
  auto object = cantFail(object::ObjectFile::createObjectFile(path));
  for (const object::SymbolRef &symbol : object.getBinary()->symbols()) {
    const uint32_t flags = cantFail(symbol.getFlags());
    const std::string name = cantFail(symbol.getName()).str();
    if (name.empty())
      continue;
    if (flags & object::SymbolRef::SF_Undefined)
      symbols.undefined.insert(name);
    else if (flags & object::SymbolRef::SF_Global)
      symbols.global.insert(name);
  }
  return symbols;
}

class AttentionObject : public ::testing::TestWithParam<const char *> {};

TEST_P(AttentionObject, ImportsNothingButMemoryFunctions) {
  for (AttentionShape shape : {AttentionShape{64, 3},
                               {128, 8},
                               {20, 1},
                               {16, 11},
                               {64, 3, 0, KVCacheType::I8}}) {
    const AttentionTarget target = makeTarget(GetParam());
    Expected<std::string> path = buildAttention(shape, target, testOptions());
    ASSERT_TRUE(bool(path)) << toString(path.takeError());
    Symbols symbols = readSymbols(*path);
    for (const char *allowed :
         {"memcpy", "memset", "memmove", "_GLOBAL_OFFSET_TABLE_"})
      symbols.undefined.erase(allowed);
    EXPECT_EQ(symbols.undefined, std::set<std::string>());
    const std::string name = cantFail(attentionFunctionName(shape, target));
    EXPECT_EQ(symbols.global,
              (std::set<std::string>{name, name + "_part", name + "_merge"}));
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, AttentionObject,
                         ::testing::Values("baseline", "sse41", "avx", "avx2",
                                           "avx512",
                                           "aarch64-unknown-linux-gnu"),
                         [](const auto &info) {
                           std::string name = info.param;
                           for (char &c : name)
                             c = c == '-' ? '_' : c;
                           return name;
                         });

TEST(AttentionNames, TargetsWithTheSameKernelsHaveTheSameName) {
  auto name = [](const char *features) {
    return cantFail(
        attentionFunctionName({64, 3}, {"x86_64-unknown-linux-gnu", features}));
  };
  EXPECT_EQ(name(""), "picollm_attention_d64_g3_baseline");
  EXPECT_EQ(name("+sse2,+cx16"), name(""));
  EXPECT_EQ(name("+avx2,+f16c,+fma"), "picollm_attention_d64_g3_avx2_f16c_fma");
  EXPECT_EQ(name("fma,f16c,avx2,bmi2"), name("+avx2,+f16c,+fma"));
  EXPECT_EQ(name("+avx2,+fma,+f16c,-fma"), name("+avx2,+f16c"));
  EXPECT_NE(name("+avx2"), name("+avx"));
  EXPECT_EQ(
      cantFail(attentionFunctionName({64, 3, 512}, makeTarget("baseline"))),
      "picollm_attention_d64_g3_w512_baseline");
  EXPECT_EQ(cantFail(attentionFunctionName({64, 3, 512, KVCacheType::I8},
                                           makeTarget("baseline"))),
            "picollm_attention_d64_g3_w512_i8_baseline");
}

TEST(AttentionErrors, HeadSizeThatIsNoMultipleOfFour) {
  EXPECT_EQ(errorOf(buildAttention({66, 3}, makeTarget("avx2"), testOptions())),
            "attention: the head size must be a multiple of 4 in [4, 512], "
            "found 66");
  for (int64_t size : {0, -4, 2, 516})
    EXPECT_NE(errorOf(attentionFunctionName({size, 1}, makeTarget("baseline")))
                  .find("multiple of 4"),
              std::string::npos);
}

TEST(AttentionErrors, GroupOutOfRange) {
  for (int64_t group : {0, -1, 65})
    EXPECT_EQ(
        errorOf(buildAttention({64, group}, makeTarget("avx2"), testOptions())),
        "attention: the number of query heads per KV head must be in [1, 64], "
        "found " +
            std::to_string(group));
}

TEST(AttentionErrors, WindowOutOfRange) {
  for (int64_t window : {int64_t(-1), int64_t(1) << 31})
    EXPECT_EQ(errorOf(buildAttention({64, 3, window}, makeTarget("avx2"),
                                     testOptions())),
              "attention: the window must be in [1, 2^31 - 1], or 0 for none, "
              "found " +
                  std::to_string(window));
}

TEST(AttentionErrors, ArchitectureWithoutKernels) {
  EXPECT_EQ(errorOf(buildAttention({64, 3}, {"sparc-unknown-linux-gnu", ""},
                                   testOptions())),
            "attention: no kernels for the architecture of "
            "'sparc-unknown-linux-gnu'; expected x86_64 or aarch64");
}

TEST(AttentionErrors, SystemWithoutKernels) {
  EXPECT_NE(errorOf(buildAttention({64, 3}, {"x86_64-unknown-haiku", ""},
                                   testOptions()))
                .find("no kernels for the system of"),
            std::string::npos);
}

TEST(AttentionErrors, GeneratorThatIsMissing) {
  AttentionOptions options = testOptions();
  options.generator = temporaryDirectory() + "/none";
  EXPECT_NE(errorOf(buildAttention({64, 3}, makeTarget("avx2"), options))
                .find("is not an executable"),
            std::string::npos);
}

/// A program that takes the generator's place.
std::string writeProgram(const char *name, const char *text) {
  const std::string path = temporaryDirectory() + "/" + name;
  std::error_code code;
  raw_fd_ostream(path, code) << text;
  EXPECT_FALSE(sys::fs::setPermissions(path, sys::fs::all_all));
  return path;
}

TEST(AttentionErrors, GeneratorThatFailsIsQuoted) {
  AttentionOptions options = testOptions();
  options.generator =
      writeProgram("failing", "#!/bin/sh\necho out of paper >&2\nexit 3\n");
  const std::string message =
      errorOf(buildAttention({64, 3}, makeTarget("avx2"), options));
  EXPECT_NE(message.find("out of paper"), std::string::npos) << message;
}

TEST(AttentionErrors, GeneratorThatWritesGarbageLeavesNoFileBehind) {
  AttentionOptions options = testOptions();
  options.generator =
      writeProgram("garbling", "#!/bin/sh\necho BC garbage > \"$1\"\n");
  options.cacheDirectory = temporaryDirectory() + "/garbage";
  const std::string message =
      errorOf(buildAttention({64, 3}, makeTarget("avx2"), options));
  EXPECT_NE(message.find("cannot read the generator's bitcode"),
            std::string::npos)
      << message;
  std::error_code code;
  EXPECT_EQ(sys::fs::directory_iterator(options.cacheDirectory, code),
            sys::fs::directory_iterator());
}

TEST(AttentionErrors, CacheDirectoryThatIsAFile) {
  AttentionOptions options = testOptions();
  options.cacheDirectory = writeProgram("a-file", "") + "/below";
  EXPECT_NE(errorOf(buildAttention({64, 3}, makeTarget("avx2"), options))
                .find("cannot make the cache folder"),
            std::string::npos);
}

TEST(AttentionCache, SecondCallReturnsTheSameFileUntouched) {
  const std::string path =
      cantFail(buildAttention({8, 1}, makeTarget("baseline"), testOptions()));
  // Marks the file: a rebuild would replace it.
  std::error_code code;
  raw_fd_ostream(path, code, sys::fs::CD_OpenExisting, sys::fs::FA_Write,
                 sys::fs::OF_Append)
      << "mark";
  const std::string again =
      cantFail(buildAttention({8, 1}, makeTarget("baseline"), testOptions()));
  EXPECT_EQ(again, path);
  auto content = MemoryBuffer::getFile(again);
  ASSERT_TRUE(bool(content));
  EXPECT_TRUE((*content)->getBuffer().ends_with("mark"));
}

TEST(AttentionCache, ADifferentGeneratorGetsItsOwnObject) {
  const std::string path =
      cantFail(buildAttention({8, 2}, makeTarget("baseline"), testOptions()));
  AttentionOptions options = testOptions();
  options.generator = writeProgram("another", "#!/bin/sh\nexit 3\n");
  EXPECT_NE(errorOf(buildAttention({8, 2}, makeTarget("baseline"), options)),
            "no error: " + path);
}

TEST(AttentionCache, ManyCallsAtOnceGiveOneWholeObject) {
  AttentionOptions options = testOptions();
  options.cacheDirectory = temporaryDirectory() + "/parallel";
  std::vector<std::string> paths(4);
  std::vector<std::thread> threads;
  for (std::string &path : paths)
    threads.emplace_back([&] {
      path = cantFail(buildAttention({8, 3}, makeTarget("baseline"), options));
    });
  for (std::thread &thread : threads)
    thread.join();
  for (const std::string &path : paths)
    EXPECT_EQ(path, paths[0]);
  EXPECT_EQ(readSymbols(paths[0]).global.size(), 3u);
  std::error_code code;
  int files = 0;
  for (sys::fs::directory_iterator i(options.cacheDirectory, code), end;
       i != end && !code; i.increment(code))
    ++files;
  EXPECT_EQ(files, 1);
}

} // namespace
