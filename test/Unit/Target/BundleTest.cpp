//===- BundleTest.cpp - data objects, and what bundles are linked with ----===//

#include "picollm/Target/Bundle.h"
#include "gtest/gtest.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;
namespace fs = llvm::sys::fs;

namespace {

/// A folder that goes with the test.
class Bundle : public testing::Test {
protected:
  void SetUp() override {
    ASSERT_FALSE(fs::createUniqueDirectory("picollm-bundle", folder));
  }
  void TearDown() override { fs::remove_directories(folder); }

  std::string write(const std::string &name, llvm::StringRef text) {
    std::string path = folder.str().str() + "/" + name;
    std::error_code code;
    llvm::raw_fd_ostream stream(path, code);
    stream << text;
    return path;
  }

  llvm::SmallString<128> folder;
};

std::string messageOf(llvm::Error error) {
  return llvm::toString(std::move(error));
}

} // namespace

TEST_F(Bundle, DataObjectHasTheBytesOfEachFileUnderItsSymbol) {
  std::string first(5000, 'x'), second = "tokenizer";
  std::vector<EmbeddedFile> files = {
      {"first_data", write("first", first), 4096},
      {"second_data", write("second", second), 64},
      {"empty_data", write("empty", ""), 1}};
  for (auto [triple, architecture, large] :
       {std::tuple("x86_64-unknown-linux-gnu", llvm::Triple::x86_64, true),
        std::tuple("aarch64-unknown-linux-gnu", llvm::Triple::aarch64,
                   false)}) {
    std::string path = folder.str().str() + "/data.o";
    ASSERT_EQ(messageOf(writeDataObject(triple, files, path)), "");
    auto binary = llvm::object::ObjectFile::createObjectFile(path);
    ASSERT_TRUE(static_cast<bool>(binary)) << messageOf(binary.takeError());
    auto *elf =
        llvm::dyn_cast<llvm::object::ELF64LEObjectFile>(binary->getBinary());
    ASSERT_NE(elf, nullptr);
    EXPECT_EQ(elf->getArch(), architecture);
    std::vector<std::string> found;
    for (auto symbol : elf->symbols()) {
      found.push_back(llvm::cantFail(symbol.getName()).str());
      auto section = llvm::cantFail(symbol.getSection());
      std::string content = llvm::cantFail(section->getContents()).str();
      const EmbeddedFile &file = files[found.size() - 1];
      EXPECT_EQ(found.back(), file.symbol);
      EXPECT_EQ(content, found.size() == 1   ? first
                         : found.size() == 2 ? second
                                             : "");
      EXPECT_EQ(section->getAlignment().value(), file.alignment);
      llvm::object::ELFSectionRef elfSection(*section);
      EXPECT_EQ(elfSection.getFlags(),
                llvm::ELF::SHF_ALLOC |
                    (large ? llvm::ELF::SHF_X86_64_LARGE : 0));
      llvm::object::ELFSymbolRef elfSymbol(symbol);
      EXPECT_EQ(elfSymbol.getSize(), content.size());
      EXPECT_EQ(elfSymbol.getOther(), llvm::ELF::STV_HIDDEN);
    }
    EXPECT_EQ(found.size(), files.size());
  }
}

TEST_F(Bundle, DataObjectOfAMissingFile) {
  std::string path = folder.str().str() + "/data.o";
  std::string message = messageOf(writeDataObject(
      "x86_64-unknown-linux-gnu", {{"data", "/none/weights", 64}}, path));
  EXPECT_EQ(message.find("/none/weights: cannot be read: "), 0u) << message;
  EXPECT_FALSE(fs::exists(path));
}

static std::string complaint(llvm::StringRef triple, llvm::StringRef runtime,
                             llvm::StringRef compiler = "") {
  return messageOf(findBundleTools(triple, runtime, compiler).takeError());
}

TEST_F(Bundle, ToolsOfThisSystem) {
  auto tools = findBundleTools("x86_64-unknown-linux-gnu");
  ASSERT_TRUE(static_cast<bool>(tools)) << messageOf(tools.takeError());
  EXPECT_TRUE(fs::exists(tools->runtime));
  EXPECT_TRUE(fs::can_execute(tools->compiler));
}

TEST_F(Bundle, RuntimeThatIsMissingOrOfAnotherKind) {
  auto has = [](const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos ? testing::AssertionSuccess()
                                                : testing::AssertionFailure()
                                                      << "'" << text
                                                      << "' lacks " << part;
  };
  const char *x86 = "x86_64-unknown-linux-gnu";
  EXPECT_TRUE(has(complaint(x86, "/none/runtime.a"),
                  "/none/runtime.a: does not exist"));
  EXPECT_TRUE(has(complaint(x86, write("text.a", "no archive")),
                  "text.a: is no archive of the runtime"));
  EXPECT_TRUE(has(complaint("x86_64-unknown-freebsd", ""),
                  "the runtime for x86_64-freebsd was not found at "));
  auto tools = findBundleTools(x86);
  ASSERT_TRUE(static_cast<bool>(tools)) << messageOf(tools.takeError());
  EXPECT_TRUE(has(complaint("aarch64-unknown-linux-gnu", tools->runtime),
                  "was built for x86_64, the model is compiled for aarch64"));
}

TEST_F(Bundle, TargetsWithoutBundles) {
  for (const char *triple :
       {"riscv64-unknown-linux-gnu", "x86_64-pc-windows-msvc",
        "aarch64-apple-darwin"}) {
    std::string message = complaint(triple, "");
    EXPECT_EQ(message.find("a bundle cannot be made for "), 0u) << message;
  }
}

TEST_F(Bundle, CompilerThatIsNoProgramOrFails) {
  auto tools = findBundleTools("x86_64-unknown-linux-gnu");
  ASSERT_TRUE(static_cast<bool>(tools)) << messageOf(tools.takeError());
  EXPECT_EQ(complaint("x86_64-unknown-linux-gnu", tools->runtime, "/none/cc"),
            "/none/cc: is not a program, expected a clang++");
  tools->compiler = "/bin/false";
  std::string path = folder.str().str() + "/libsmol.so";
  std::string message =
      messageOf(linkBundle({}, *tools, {}, "x86_64-unknown-linux-gnu", path));
  EXPECT_NE(message.find("libsmol.so: linking failed"), std::string::npos)
      << message;
  EXPECT_NE(message.find("needs the C and C++ libraries of that system"),
            std::string::npos)
      << message;
  EXPECT_FALSE(fs::exists(path));
}
