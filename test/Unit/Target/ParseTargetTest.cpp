//===- ParseTargetTest.cpp - names of targets, processors, features -------===//

#include "picollm/Attention/Attention.h"
#include "picollm/Target/Target.h"
#include "gtest/gtest.h"

using namespace picollm;

static std::string messageOf(llvm::Expected<TargetDescription> result) {
  return result ? std::string() : llvm::toString(result.takeError());
}

static testing::AssertionResult has(const std::string &text, const char *part) {
  return text.find(part) != std::string::npos
             ? testing::AssertionSuccess()
             : testing::AssertionFailure() << "'" << text << "' lacks " << part;
}

TEST(ParseTarget, NamedTargetsChooseTheirInstructionSet) {
  auto baseline = parseTarget("x86-64");
  ASSERT_TRUE(static_cast<bool>(baseline));
  EXPECT_EQ(baseline->triple, "x86_64-unknown-linux-gnu");
  EXPECT_EQ(baseline->instructionSets, std::vector{InstructionSet::Portable});
  EXPECT_EQ(baseline->requiredFeatures(InstructionSet::Portable), "");
  auto v4 = parseTarget("x86-64-v4");
  ASSERT_TRUE(static_cast<bool>(v4)) << llvm::toString(v4.takeError());
  EXPECT_EQ(v4->instructionSets,
            (std::vector{InstructionSet::AVX512GFNI, InstructionSet::AVX512}));
  EXPECT_EQ(v4->requiredFeatures(InstructionSet::AVX512),
            "avx2,f16c,fma,avx512f,avx512bw,avx512cd,avx512dq,avx512vl,"
            "avx512vnni");
  auto v3 = parseTarget("x86-64-v3");
  ASSERT_TRUE(static_cast<bool>(v3));
  EXPECT_EQ(v3->instructionSets, std::vector{InstructionSet::AVX2});
  auto client = parseTarget("x86_64-linux-gnu", "alderlake");
  ASSERT_TRUE(static_cast<bool>(client));
  EXPECT_EQ(client->instructionSets, std::vector{InstructionSet::AVXVNNI});
  EXPECT_EQ(v3->requiredFeatures(InstructionSet::AVX2), "avx2,f16c,fma");
}

// What an instruction set requires is all that its attention gets.
TEST(ParseTarget, AttentionHasTheInstructionsOfEverySet) {
  auto nameFor = [](const char *target, InstructionSet isa) {
    auto description = parseTarget(target);
    EXPECT_TRUE(static_cast<bool>(description));
    return attentionFunctionName(
        {64, 4}, {description->triple, description->requiredFeatures(isa)});
  };
  EXPECT_EQ(*nameFor("x86-64-v3", InstructionSet::AVX2),
            "picollm_attention_d64_g4_avx2_f16c_fma");
  EXPECT_EQ(*nameFor("x86-64-v4", InstructionSet::AVX512),
            "picollm_attention_d64_g4_avx512_skylake");
}

TEST(ParseTarget, SeveralVariantsAreSortedBestFirst) {
  auto target = parseTarget("x86-64,x86-64-v3");
  ASSERT_TRUE(static_cast<bool>(target));
  EXPECT_EQ(target->instructionSets,
            (std::vector{InstructionSet::AVX2, InstructionSet::Portable}));
}

TEST(ParseTarget, TripleTakesItsInstructionSetFromProcessorAndFeatures) {
  auto plain = parseTarget("x86_64-pc-linux-gnu");
  ASSERT_TRUE(static_cast<bool>(plain));
  EXPECT_EQ(plain->instructionSets, std::vector{InstructionSet::Portable});
  auto haswell = parseTarget("x86_64-pc-linux-gnu", "haswell");
  ASSERT_TRUE(static_cast<bool>(haswell));
  EXPECT_EQ(haswell->instructionSets, std::vector{InstructionSet::AVX2});
  auto features =
      parseTarget("x86_64-pc-linux-gnu", "", "+avx2,+f16c,+fma,+bmi2");
  ASSERT_TRUE(static_cast<bool>(features));
  EXPECT_EQ(features->instructionSets, std::vector{InstructionSet::AVX2});
  EXPECT_EQ(features->requiredFeatures(InstructionSet::AVX2),
            "avx2,f16c,fma,bmi2");
}

static std::vector<InstructionSet>
instructionSetsOf(const char *target, const char *cpu = "",
                  const char *features = "") {
  auto description = parseTarget(target, cpu, features);
  if (description)
    return description->instructionSets;
  ADD_FAILURE() << llvm::toString(description.takeError());
  return {};
}

TEST(ParseTarget, Aarch64HasVariantsWithAndWithoutOptionalInstructions) {
  const std::vector all = {InstructionSet::I8MM, InstructionSet::DotProduct,
                           InstructionSet::NEON};
  auto target = parseTarget("aarch64");
  ASSERT_TRUE(static_cast<bool>(target));
  EXPECT_EQ(target->triple, "aarch64-unknown-linux-gnu");
  EXPECT_EQ(target->instructionSets, all);
  EXPECT_EQ(target->requiredFeatures(InstructionSet::I8MM),
            "neon,dotprod,i8mm");
  EXPECT_EQ(target->requiredFeatures(InstructionSet::DotProduct),
            "neon,dotprod");
  EXPECT_EQ(target->requiredFeatures(InstructionSet::NEON), "neon");
  EXPECT_EQ(instructionSetsOf("aarch64", "cortex-a53"), all);
  EXPECT_EQ(instructionSetsOf("aarch64", "neoverse-n1"), all);
}

TEST(ParseTarget, FeaturesChooseAmongTheVariantsOfAarch64) {
  EXPECT_EQ(instructionSetsOf("aarch64", "", "-dotprod"),
            std::vector{InstructionSet::NEON});
  EXPECT_EQ(instructionSetsOf("aarch64", "", "+dotprod"),
            (std::vector{InstructionSet::I8MM, InstructionSet::DotProduct}));
  EXPECT_EQ(instructionSetsOf("aarch64", "", "+dotprod,-i8mm"),
            std::vector{InstructionSet::DotProduct});
  EXPECT_TRUE(has(messageOf(parseTarget("aarch64", "", "-neon")),
                  "needs the feature neon"));
}

TEST(ParseTarget, TripleOfAarch64TakesItsInstructionSetFromTheProcessor) {
  const char *triple = "aarch64-linux-android";
  EXPECT_EQ(instructionSetsOf(triple), std::vector{InstructionSet::NEON});
  EXPECT_EQ(instructionSetsOf(triple, "cortex-a53"),
            std::vector{InstructionSet::NEON});
  EXPECT_EQ(instructionSetsOf(triple, "neoverse-n1"),
            std::vector{InstructionSet::DotProduct});
  EXPECT_EQ(instructionSetsOf(triple, "neoverse-v1"),
            std::vector{InstructionSet::I8MM});
  EXPECT_EQ(instructionSetsOf(triple, "", "+dotprod"),
            std::vector{InstructionSet::DotProduct});
  EXPECT_EQ(instructionSetsOf(triple, "", "-neon"),
            std::vector{InstructionSet::Portable});
}

// 32-bit ARM has features of these names as well, but other instructions.
TEST(ParseTarget, InstructionSetsBelongToTheirArchitecture) {
  EXPECT_EQ(instructionSetsOf("armv8a-linux-gnueabihf", "", "+neon,+dotprod"),
            std::vector{InstructionSet::Portable});
}

TEST(ParseTarget, VariantThatIsNeverChosenIsLeftOut) {
  EXPECT_EQ(instructionSetsOf("x86-64,x86-64-v3", "", "+avx2,+f16c,+fma"),
            std::vector{InstructionSet::AVX2});
}

TEST(ParseTarget, VendorsOfATripleMayDiffer) {
  auto target = parseTarget("x86_64-pc-linux-gnu,x86-64-v3");
  ASSERT_TRUE(static_cast<bool>(target));
  EXPECT_EQ(target->triple, "x86_64-pc-linux-gnu");
  EXPECT_EQ(target->instructionSets.size(), 2u);
}

TEST(ParseTarget, UnknownTargetSaysWhatThereIs) {
  EXPECT_TRUE(has(messageOf(parseTarget("pdp11")),
                  "expected host, x86-64, x86-64-v3, x86-64-v4, aarch64"));
  EXPECT_NE(messageOf(parseTarget("")), "");
}

TEST(ParseTarget, UnknownProcessorListsProcessors) {
  std::string message = messageOf(parseTarget("x86-64", "z80"));
  EXPECT_TRUE(has(message, "'z80'"));
  EXPECT_TRUE(has(message, "haswell"));
}

TEST(ParseTarget, UnknownFeatureListsFeatures) {
  std::string message = messageOf(parseTarget("x86-64", "", "+avx9"));
  EXPECT_TRUE(has(message, "'avx9'"));
  EXPECT_TRUE(has(message, "avx2"));
  EXPECT_TRUE(has(messageOf(parseTarget("x86-64", "", "avx2")), "has no sign"));
}

TEST(ParseTarget, FeatureThatTheInstructionSetNeedsCannotBeTakenAway) {
  EXPECT_TRUE(has(messageOf(parseTarget("x86-64-v3", "", "-avx2")),
                  "needs the feature avx2"));
  EXPECT_TRUE(has(messageOf(parseTarget("x86-64-v3", "nehalem")),
                  "needs the feature avx2"));
}

TEST(ParseTarget, VariantsOfDifferentTriplesAreAnError) {
  EXPECT_TRUE(has(messageOf(parseTarget("x86-64,aarch64")), "mixes"));
}
