//===- MomentFileTest.cpp - second moments on disk ------------------------===//

#include "../Reference/TinyModel.h"
#include "picollm/Calibration/FisherInformation.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace picollm;

namespace {

class MomentFileTest : public testing::Test {
protected:
  void SetUp() override {
    llvm::SmallString<128> name;
    ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("test", "moments", name));
    path = name.str().str();
  }
  void TearDown() override { llvm::sys::fs::remove(path); }

  std::string path;
};

} // namespace

TEST_F(MomentFileTest, GivesBackWhatWasAppended) {
  SecondMoment small(2), large(3);
  small.values = {1, 2, 2, 5};
  large.values = {1, 2, 3, 2, 4, 5, 3, 5, 6};
  {
    auto file = expectValue(MomentFile::create(path));
    ASSERT_FALSE(file->append("a.weight", small));
    EXPECT_EQ(expectValue(file->read("a.weight")), small.values);
    ASSERT_FALSE(file->append("b", large));
    EXPECT_EQ(expectValue(file->read("a.weight")), small.values);
    ASSERT_FALSE(file->finish());
  }
  auto file = expectValue(MomentFile::open(path));
  EXPECT_EQ(expectValue(file->read("b")), large.values);
  EXPECT_EQ(expectValue(file->read("a.weight")), small.values);
  EXPECT_TRUE(file->contains("b"));
  EXPECT_FALSE(file->contains("c"));
  EXPECT_EQ(errorOf(file->read("c")), path + ": has no moment of 'c'");
}

TEST_F(MomentFileTest, DamagedFilesAreOneSentence) {
  {
    auto file = expectValue(MomentFile::create(path));
    SecondMoment moment(4);
    ASSERT_FALSE(file->append("a", moment));
    ASSERT_FALSE(file->finish());
  }
  const auto bytes = std::filesystem::file_size(path);
  std::filesystem::resize_file(path, bytes - 1);
  EXPECT_EQ(errorOf(MomentFile::open(path)),
            path + ": is no whole file of moments");
  std::ofstream(path) << "Dear reader, this is a letter";
  EXPECT_EQ(errorOf(MomentFile::open(path)),
            path + ": is no whole file of moments");
  std::filesystem::remove(path);
  EXPECT_EQ(errorOf(MomentFile::open(path)), path + ": cannot be read");
}

TEST_F(MomentFileTest, GoesOnBehindWhatIsWhole) {
  SecondMoment first(2), second(3);
  first.values = {1, 2, 2, 3};
  second.values = {1, 2, 3, 2, 4, 5, 3, 5, 6};
  {
    auto file = expectValue(MomentFile::reopen(path)); // there is none
    ASSERT_FALSE(file->append("first", first));
    ASSERT_FALSE(file->append("second", second));
    ASSERT_FALSE(file->finish());
  }
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 5);
  {
    auto file = expectValue(MomentFile::reopen(path));
    EXPECT_TRUE(file->contains("first"));
    EXPECT_FALSE(file->contains("second"));
    ASSERT_FALSE(file->append("second", second));
    ASSERT_FALSE(file->finish());
  }
  auto file = expectValue(MomentFile::open(path));
  EXPECT_EQ(expectValue(file->read("first")), first.values);
  EXPECT_EQ(expectValue(file->read("second")), second.values);
}

/// The diagonal is the Fisher information of each output.
TEST_F(MomentFileTest, HoldsTheMomentsOfAllOutputs) {
  TinyModel tiny;
  auto model = tiny.interpreter();
  auto file = expectValue(MomentFile::create(path));
  auto fisher = expectValue(collectFisherInformation(
      *model, TokenSequences{{3, 17, 0, 39, 8, 8, 21}, {5, 6}}, file.get()));
  for (auto &entry : fisher.outputs) {
    const std::vector<float> &f = entry.second;
    if (entry.first().starts_with("token_embd") ||
        entry.first().starts_with("output.")) {
      EXPECT_FALSE(file->contains(entry.first()));
      continue;
    }
    std::vector<float> moment = expectValue(file->read(entry.first()));
    ASSERT_EQ(moment.size(), f.size() * f.size()) << entry.first().str();
    for (size_t i = 0; i < f.size(); ++i)
      EXPECT_NEAR(moment[i * f.size() + i], f[i], 1e-4 * f[i] + 1e-9);
  }
}
