//===- GGUFValue.cpp - metadata values of GGUF files ----------------------===//

#include "picollm/Import/GGUF.h"
#include "llvm/Support/Endian.h"
#include <cstring>

using namespace picollm;
using namespace llvm::support;
using llvm::StringRef;

StringRef picollm::getName(GGUFType type) {
  static const char *names[] = {
      "uint8", "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
      "bool",  "string", "array",  "uint64", "int64",  "float64"};
  return names[uint32_t(type)];
}

std::string GGUFValue::describeType() const {
  return ((isArray ? "array of " : "") + getName(elementType)).str();
}

std::optional<int64_t> GGUFValue::getSigned(uint64_t index) const {
  if (index >= count)
    return std::nullopt;
  const char *data = bytes.data();
  switch (elementType) {
  case GGUFType::UInt8:
    return uint8_t(data[index]);
  case GGUFType::Int8:
    return int8_t(data[index]);
  case GGUFType::UInt16:
    return endian::read16le(data + 2 * index);
  case GGUFType::Int16:
    return int16_t(endian::read16le(data + 2 * index));
  case GGUFType::UInt32:
    return endian::read32le(data + 4 * index);
  case GGUFType::Int32:
    return int32_t(endian::read32le(data + 4 * index));
  case GGUFType::Int64:
    return int64_t(endian::read64le(data + 8 * index));
  case GGUFType::UInt64: {
    uint64_t value = endian::read64le(data + 8 * index);
    if (value > uint64_t(INT64_MAX))
      return std::nullopt;
    return int64_t(value);
  }
  default:
    return std::nullopt;
  }
}

std::optional<uint64_t> GGUFValue::getUnsigned(uint64_t index) const {
  if (elementType == GGUFType::UInt64 && index < count)
    return endian::read64le(bytes.data() + 8 * index);
  std::optional<int64_t> value = getSigned(index);
  if (!value || *value < 0)
    return std::nullopt;
  return uint64_t(*value);
}

std::optional<double> GGUFValue::getDouble(uint64_t index) const {
  if (index >= count)
    return std::nullopt;
  if (elementType == GGUFType::Float32) {
    uint32_t bits = endian::read32le(bytes.data() + 4 * index);
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  if (elementType == GGUFType::Float64) {
    uint64_t bits = endian::read64le(bytes.data() + 8 * index);
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  if (std::optional<int64_t> integer = getSigned(index))
    return double(*integer);
  return std::nullopt;
}

std::optional<bool> GGUFValue::getBool(uint64_t index) const {
  if (elementType != GGUFType::Bool || index >= count)
    return std::nullopt;
  return bytes[index] != 0;
}

std::optional<StringRef> GGUFValue::getString(uint64_t index) const {
  if (elementType != GGUFType::String || index >= count)
    return std::nullopt;
  return strings[index];
}
