//===- PackMatrixTest.cpp -------------------------------------------------===//

#include "picollm/Packing/PackMatrix.h"
#include "RandomMatrix.h"
#include "llvm/Support/Error.h"
#include <gtest/gtest.h>

using namespace picollm;

namespace {

/// Bit `bit` of the code of (row r, column k of the step), looked up the way a
/// reader of the format's description would: first the vector, then the byte,
/// then the bit in it.
int bitOfStep(const uint8_t *step, int bits, int r, int k, int bit) {
  auto at = [&](int vector, int byte, int position) {
    return step[32 * vector + byte] >> position & 1;
  };
  if (bits <= 4) // one vector per plane, a byte per row, a bit per column
    return at(bit, r, k);
  int c = k >= 4, g = r / 8, byte = 4 * (r % 8) + k % 4;
  if (bits == 8)
    return at(c == 0 ? g : 4 + g, byte, bit);
  if (bits % 2 && bit == bits - 1) // after all the others
    return at(bits - 1, byte, 4 * c + g);
  if (bit >= 4) // two vectors after the four of nibbles
    return at(4 + c, byte, 2 * g + (bit - 4));
  static const int lowNibble[2][4] = {{0, 1, 0, 1}, {2, 3, 2, 3}};
  return at(lowNibble[c][g], byte, g < 2 ? bit : 4 + bit);
}

std::vector<uint8_t> pack(const QuantizedMatrix &matrix) {
  std::vector<uint8_t> bytes(matrixBytes(matrix.layout), 0xaa);
  llvm::Error error = packMatrix(matrix, bytes);
  EXPECT_FALSE(static_cast<bool>(error)) << llvm::toString(std::move(error));
  return bytes;
}

MatrixLayout oneStep(int64_t bits) { return {8, {{32, {{bits, 8}}}}}; }

/// A step of one tile where only (row, column) has the code `code`.
std::vector<uint8_t> packedStep(int64_t bits, int64_t row, int64_t column,
                                uint16_t code) {
  QuantizedMatrix matrix = randomMatrix(oneStep(bits));
  std::fill(matrix.panels[0].codes.begin(), matrix.panels[0].codes.end(), 0);
  matrix.panels[0].codes[row * 8 + column] = code;
  std::vector<uint8_t> bytes = pack(matrix);
  return {bytes.begin() + panelOffsets(matrix.layout, 0).tiles, bytes.end()};
}

/// The bytes of a step that are not 0, as (offset, value).
using Bytes = std::vector<std::pair<int, int>>;
Bytes setBytes(const std::vector<uint8_t> &step) {
  Bytes found;
  for (size_t i = 0; i < step.size(); ++i)
    if (step[i])
      found.emplace_back(i, step[i]);
  return found;
}

class EachWidth : public testing::TestWithParam<int64_t> {};
class EachWidthOfCodes : public testing::TestWithParam<int64_t> {};

} // namespace

// Worked out by hand from the description of the format.
TEST(PackMatrix, GoldenBytesOfEachWidth) {
  EXPECT_EQ(setBytes(packedStep(1, 5, 3, 1)), (Bytes{{5, 0x08}}));
  EXPECT_EQ(setBytes(packedStep(2, 31, 7, 2)), (Bytes{{63, 0x80}}));
  EXPECT_EQ(setBytes(packedStep(3, 0, 4, 5)), (Bytes{{0, 0x10}, {64, 0x10}}));
  EXPECT_EQ(setBytes(packedStep(4, 19, 5, 0xb)),
            (Bytes{{19, 0x20}, {32 + 19, 0x20}, {96 + 19, 0x20}}));
  // Row 19: group 2, the high nibble of L[1][0], the third vector; byte
  // 4 * 3 + 1. Bit 4 of 0x1b: bit 4 * 1 + 2 of the fifth vector.
  EXPECT_EQ(setBytes(packedStep(5, 19, 5, 0x1b)),
            (Bytes{{77, 0xb0}, {128 + 13, 0x40}}));
  // Row 31: group 3, high nibble of L[0][1]; bits 4-5 = 2 in field 3 of P[0].
  EXPECT_EQ(setBytes(packedStep(6, 31, 2, 0x2c)),
            (Bytes{{32 + 30, 0xc0}, {128 + 30, 0x80}}));
  // Row 8: group 1, low nibble of L[0][1]; P[0] field 1; bit 6 in bit 1.
  EXPECT_EQ(setBytes(packedStep(7, 8, 0, 0x7e)),
            (Bytes{{32, 0x0e}, {128, 0x0c}, {192, 0x02}}));
  // U[1][3] is the last vector.
  EXPECT_EQ(setBytes(packedStep(8, 31, 7, 0x95)), (Bytes{{255, 0x95}}));
  EXPECT_EQ(setBytes(packedStep(16, 2, 3, 0x3c01)),
            (Bytes{{196, 0x01}, {197, 0x3c}}));
}

TEST_P(EachWidthOfCodes, BitsLieWhereTheFormatSays) {
  int64_t bits = GetParam();
  QuantizedMatrix matrix = randomMatrix({24, {{70, {{bits, 24}}}}});
  std::vector<uint8_t> bytes = pack(matrix);
  const uint8_t *tiles = bytes.data() + panelOffsets(matrix.layout, 0).tiles;
  for (int64_t i = 0; i < 70; ++i)
    for (int64_t j = 0; j < 24; ++j) {
      const uint8_t *step = tiles + (i / 32 * 3 + j / 8) * 32 * bits;
      int code = 0;
      for (int bit = 0; bit < bits; ++bit)
        code |= bitOfStep(step, bits, i % 32, j % 8, bit) << bit;
      ASSERT_EQ(code, matrix.panels[0].codes[i * 24 + j])
          << "row " << i << " column " << j;
    }
}

// Worked out by hand: behind 17 steps of 32 * bits bytes two groups.
TEST(PackMatrix, GoldenBytesOfGroups) {
  for (int64_t bits : {3, 8}) {
    MatrixLayout layout{136, {{33, {{bits, 136, 128}}}}};
    QuantizedMatrix matrix = randomMatrix(layout);
    QuantizedPanel &panel = matrix.panels[0];
    std::fill(panel.codes.begin(), panel.codes.end(), 0);
    std::fill(panel.groupScales.begin(), panel.groupScales.end(), 0);
    std::fill(panel.zeros.begin(), panel.zeros.end(), 0);
    panel.groupScales[2 * 21 + 1] = 0x1234;
    panel.zeros[2 * 21 + 1] = 5;
    std::vector<uint8_t> bytes = pack(matrix);
    const int64_t tile = tileBytes(layout.panels[0]);
    EXPECT_EQ(tile, 17 * 32 * bits + 2 * 64 + (bits == 3 ? 2 * 16 : 2 * 32));
    const uint8_t *tiles = bytes.data() + panelOffsets(layout, 0).tiles;
    Bytes found = setBytes({tiles, tiles + 2 * tile});
    // The second group; row 21 is in the high nibble of byte 5.
    const int scale = 17 * 32 * bits + 64 + 2 * 21;
    const int zero = 17 * 32 * bits + 128 + (bits == 3 ? 16 + 5 : 32 + 21);
    EXPECT_EQ(found, (Bytes{{scale, 0x34},
                            {scale + 1, 0x12},
                            {zero, bits == 3 ? 0x50 : 5}}));
  }
}

TEST(PackMatrix, RoundTripWithGroupsOfEveryWidth) {
  for (int64_t bits : {1, 2, 3, 4, 5, 6, 7, 8}) {
    MatrixLayout layout{
        304, {{50, {{2, 16}, {bits, 264, 128}, {16, 8}, {bits, 16, 128}}}}};
    QuantizedMatrix matrix = randomMatrix(layout);
    llvm::Expected<QuantizedMatrix> read = unpackMatrix(layout, pack(matrix));
    ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
    EXPECT_EQ(read->panels[0].codes, matrix.panels[0].codes);
    EXPECT_EQ(read->panels[0].groupScales, matrix.panels[0].groupScales);
    EXPECT_EQ(read->panels[0].zeros, matrix.panels[0].zeros);
  }
}

TEST(PackMatrix, UnpackRefusesAZeroThatIsNoCode) {
  MatrixLayout layout{8, {{1, {{3, 8, 128}}}}};
  std::vector<uint8_t> bytes = pack(randomMatrix(layout));
  // Behind one step and one group of scales.
  bytes[panelOffsets(layout, 0).tiles + 96 + 64] = 8;
  llvm::Expected<QuantizedMatrix> read = unpackMatrix(layout, bytes);
  ASSERT_FALSE(static_cast<bool>(read));
  EXPECT_EQ(llvm::toString(read.takeError()),
            "quantized matrix has zero 8 in row 0 of a segment of 3 bits");
}

TEST_P(EachWidth, RoundTripWithRowsThatAreNoMultipleOf32) {
  int64_t bits = GetParam();
  for (int64_t rows : {1, 31, 32, 33, 100}) {
    MatrixLayout layout{40, {{rows, {{8, 8}, {bits, 24}, {1, 8}}}}};
    QuantizedMatrix matrix = randomMatrix(layout);
    llvm::Expected<QuantizedMatrix> read = unpackMatrix(layout, pack(matrix));
    ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
    EXPECT_EQ(read->order, matrix.order);
    EXPECT_EQ(read->columnScales, matrix.columnScales);
    EXPECT_EQ(read->panels[0].codes, matrix.panels[0].codes);
    EXPECT_EQ(read->panels[0].rowScales, matrix.panels[0].rowScales);
    EXPECT_EQ(read->panels[0].segmentScales, matrix.panels[0].segmentScales);
  }
}

INSTANTIATE_TEST_SUITE_P(PackMatrix, EachWidthOfCodes,
                         testing::Values(1, 2, 3, 4, 5, 6, 7, 8));
INSTANTIATE_TEST_SUITE_P(PackMatrix, EachWidth,
                         testing::Values(0, 1, 2, 3, 4, 5, 6, 7, 8, 16));

TEST(PackMatrix, RoundTripOfPanelsWithOwnWidths) {
  MatrixLayout layout{64,
                      {{40, {{4, 32}, {2, 32}}},
                       {7, {{16, 8}, {0, 48}, {3, 8}}},
                       {64, {{1, 64}}}}};
  QuantizedMatrix matrix = randomMatrix(layout);
  llvm::Expected<QuantizedMatrix> read = unpackMatrix(layout, pack(matrix));
  ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
  for (size_t p = 0; p < 3; ++p)
    EXPECT_EQ(read->panels[p].codes, matrix.panels[p].codes);
}

TEST(PackMatrix, HeaderPartsAndPaddingRows) {
  QuantizedMatrix matrix = randomMatrix({8, {{33, {{16, 8}}}}});
  matrix.order = {3, 0, 1, 2, 7, 6, 5, 4};
  matrix.columnScales[1] = 0x1234;
  matrix.panels[0].rowScales[32] = 0x4321;
  std::vector<uint8_t> bytes = pack(matrix);
  // order 64, column scales 64, segment scales 64, row scales 128, 2 tiles.
  ASSERT_EQ(bytes.size(), 64u + 64 + 64 + 128 + 2 * 512);
  EXPECT_EQ(bytes[0], 3);
  EXPECT_EQ(bytes[8], 7);
  EXPECT_EQ(bytes[64 + 2], 0x34);
  EXPECT_EQ(bytes[64 + 3], 0x12);
  EXPECT_EQ(bytes[192 + 64], 0x21);
  EXPECT_EQ(bytes[192 + 65], 0x43);
  for (int64_t row = 33; row < 64; ++row) {
    EXPECT_EQ(bytes[192 + 2 * row], 0);
    for (int64_t k = 0; k < 8; ++k)
      EXPECT_EQ(bytes[320 + 512 + 2 * (32 * k + row - 32)], 0);
  }
}

TEST(PackMatrix, MoreColumnsThan65536TakeWideOrderEntries) {
  MatrixLayout layout{65544, {{1, {{1, 65544}}}}};
  QuantizedMatrix matrix = randomMatrix(layout);
  llvm::Expected<QuantizedMatrix> read = unpackMatrix(layout, pack(matrix));
  ASSERT_TRUE(static_cast<bool>(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->order, matrix.order);
}

TEST(PackMatrix, RefusesBrokenMatrices) {
  auto message = [](QuantizedMatrix matrix) {
    std::vector<uint8_t> bytes(matrixBytes(matrix.layout));
    return llvm::toString(packMatrix(matrix, bytes));
  };
  QuantizedMatrix good = randomMatrix({16, {{5, {{3, 16}}}}});
  QuantizedMatrix bad = good;
  bad.panels[0].codes[7] = 8;
  EXPECT_NE(message(bad).find("code 8"), std::string::npos);
  bad = good;
  bad.order[0] = bad.order[1];
  EXPECT_NE(message(bad).find("twice"), std::string::npos);
  bad = good;
  bad.order[0] = 16;
  EXPECT_NE(message(bad).find("does not exist"), std::string::npos);
  bad = good;
  bad.columnScales.pop_back();
  EXPECT_NE(message(bad).find("column scales"), std::string::npos);
  bad = good;
  bad.panels[0].rowScales.pop_back();
  EXPECT_NE(message(bad).find("row scales"), std::string::npos);
  bad = randomMatrix({16, {{5, {{3, 16, 128}}}}});
  bad.panels[0].groupScales.pop_back();
  EXPECT_NE(message(bad).find("4 group scales, expected 5"), std::string::npos);
  bad = randomMatrix({16, {{5, {{3, 16, 128}}}}});
  bad.panels[0].zeros.push_back(0);
  EXPECT_NE(message(bad).find("6 zeros, expected 5"), std::string::npos);
  bad = good;
  bad.panels.clear();
  EXPECT_NE(message(bad).find("panels"), std::string::npos);
  std::vector<uint8_t> small(64);
  EXPECT_NE(llvm::toString(packMatrix(good, small)).find("64 bytes"),
            std::string::npos);
}

TEST(PackMatrix, UnpackRefusesAnOrderThatIsNoPermutation) {
  MatrixLayout layout{16, {{5, {{3, 16}}}}};
  std::vector<uint8_t> bytes = pack(randomMatrix(layout));
  bytes[0] = bytes[2] = 1;
  llvm::Expected<QuantizedMatrix> read = unpackMatrix(layout, bytes);
  ASSERT_FALSE(static_cast<bool>(read));
  EXPECT_NE(llvm::toString(read.takeError()).find("permutation"),
            std::string::npos);
}

TEST(QuantizedMatrix, DequantizesByTheFormula) {
  QuantizedMatrix matrix = randomMatrix({16, {{1, {{7, 8}, {16, 8}}}}});
  matrix.order = {8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7};
  matrix.columnScales.assign(16, floatToHalf(0.5f));
  matrix.panels[0].rowScales = {floatToHalf(4.0f)};
  matrix.panels[0].segmentScales = {0.125f, 2.0f};
  matrix.panels[0].codes = {0,      1,      64, 127, 0, 0, 0, 0,
                            0x3c00, 0xc000, 0,  0,   0, 0, 0, 0};
  float out[16];
  dequantizeRow(matrix, 0, 0, out);
  EXPECT_EQ(out[8], -31.75f); // 4 * 0.5 * 0.125 * (2 * 0 - 127)
  EXPECT_EQ(out[9], -31.25f);
  EXPECT_EQ(out[10], 0.25f);
  EXPECT_EQ(out[11], 31.75f);
  EXPECT_EQ(out[0], 4.0f); // 4 * 0.5 * 2 * 1
  EXPECT_EQ(out[1], -8.0f);
}

TEST(QuantizedMatrix, DequantizesGroupsByTheFormula) {
  QuantizedMatrix matrix = randomMatrix({136, {{1, {{2, 136, 128}}}}});
  std::iota(matrix.order.begin(), matrix.order.end(), 0u);
  matrix.columnScales.assign(136, floatToHalf(0.5f));
  matrix.panels[0].rowScales = {floatToHalf(4.0f)};
  matrix.panels[0].segmentScales = {0.125f};
  matrix.panels[0].groupScales = {floatToHalf(2.0f), floatToHalf(8.0f)};
  matrix.panels[0].zeros = {1, 3};
  matrix.panels[0].codes.assign(136, 2);
  float out[136];
  dequantizeRow(matrix, 0, 0, out);
  EXPECT_EQ(out[127], 1.0f);  // 4 * 0.5 * 0.125 * 2 * 2 * (2 - 1)
  EXPECT_EQ(out[128], -4.0f); // 4 * 0.5 * 0.125 * 8 * 2 * (2 - 3)
}

TEST(Half, EveryHalfSurvivesTheWayThroughFloat) {
  for (uint32_t half = 0; half < 0x10000; ++half)
    if ((half & 0x7c00) != 0x7c00 || (half & 0x3ff) == 0)
      ASSERT_EQ(floatToHalf(halfToFloat(half)), half);
}

TEST(Half, RoundsToNearestEven) {
  for (uint32_t half = 0; half < 0x7bff; ++half) {
    float low = halfToFloat(half), high = halfToFloat(half + 1);
    float middle = low + 0.5f * (high - low); // exact
    ASSERT_EQ(floatToHalf(middle), half % 2 ? half + 1 : half);
    ASSERT_EQ(floatToHalf(std::nextafterf(middle, 1e9f)), half + 1);
    ASSERT_EQ(floatToHalf(-std::nextafterf(middle, 0.0f)), half | 0x8000);
  }
  EXPECT_EQ(floatToHalf(65519.9f), 0x7bff);
  EXPECT_EQ(floatToHalf(65520.0f), 0x7c00);
}
