//===- CheckpointTest.cpp - what a killed pass leaves to the next ---------===//

#include "picollm/Support/Checkpoint.h"
#include "gtest/gtest.h"
#include <filesystem>
#include <fstream>

using namespace picollm;

static Checkpoint open(const std::string &folder, const char *key) {
  llvm::Expected<Checkpoint> checkpoint = Checkpoint::open(folder, key);
  EXPECT_TRUE(bool(checkpoint)) << llvm::toString(checkpoint.takeError());
  return std::move(*checkpoint);
}

struct CheckpointTest : testing::Test {
  std::string folder = testing::TempDir() + "checkpoint-test/of/a-pass";
  void SetUp() override { std::filesystem::remove_all(folder); }
  void TearDown() override { std::filesystem::remove_all(folder); }

  /// What a process leaves under a key: 41 steps and a file.
  void keep(const char *key) {
    Checkpoint checkpoint = open(folder, key);
    EXPECT_TRUE(checkpoint.isKept());
    EXPECT_EQ(checkpoint.steps(), 0);
    std::ofstream(checkpoint.file("what")) << "something";
    EXPECT_FALSE(checkpoint.setSteps(41));
  }
};

TEST_F(CheckpointTest, StaysUnderItsKey) {
  keep("key");
  Checkpoint second = open(folder, "key");
  EXPECT_EQ(second.steps(), 41);
  EXPECT_TRUE(std::filesystem::exists(second.file("what")));
}

TEST_F(CheckpointTest, NothingStaysUnderAnotherKey) {
  keep("key");
  Checkpoint second = open(folder, "another key");
  EXPECT_EQ(second.steps(), 0);
  EXPECT_FALSE(std::filesystem::exists(second.file("what")));
}

TEST_F(CheckpointTest, TheSumsOfOneStepLieBesideThoseOfTheNext) {
  Checkpoint checkpoint = open(folder, "key");
  EXPECT_NE(checkpoint.sumsFile(4), checkpoint.sumsFile(5));
}

TEST_F(CheckpointTest, WhatIsNoNumberOfStepsIsNone) {
  Checkpoint first = open(folder, "key");
  for (const char *text : {"", "many", "-3", "99999999999999999999"}) {
    std::ofstream(first.file("steps")) << text;
    EXPECT_EQ(open(folder, "key").steps(), 0) << text;
  }
}

TEST_F(CheckpointTest, WithoutAFolderNothingIsKept) {
  Checkpoint checkpoint = open("", "key");
  EXPECT_FALSE(checkpoint.isKept());
  EXPECT_EQ(checkpoint.file("what"), "");
  EXPECT_FALSE(checkpoint.setSteps(3));
  EXPECT_EQ(checkpoint.steps(), 3);
}

TEST_F(CheckpointTest, AFolderThatCannotBeMadeIsOneSentence) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/file") << "no folder";
  llvm::Expected<Checkpoint> checkpoint =
      Checkpoint::open(folder + "/file/of", "key");
  ASSERT_FALSE(bool(checkpoint));
  EXPECT_EQ(llvm::toString(checkpoint.takeError()),
            folder + "/file/of: cannot be made: Not a directory");
}
