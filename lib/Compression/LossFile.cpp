//===- LossFile.cpp - what calibration leaves for allocation --------------===//

#include "picollm/Compression/LossFile.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <nlohmann/json.hpp>

using namespace picollm;
using nlohmann::json;

const LossTable *LossFile::find(llvm::StringRef name) const {
  for (const LossTable &table : tables)
    if (table.name == name)
      return &table;
  return nullptr;
}

static llvm::Error errorAt(llvm::StringRef path, const llvm::Twine &message) {
  return llvm::createStringError(path + ": " + message);
}

/// Blocks of a panel: its columns cut by width blocks.
static size_t blockCount(const LossTable &table) {
  return (table.columns + table.widthColumns - 1) / table.widthColumns;
}

static bool isConsistent(const LossTable &table) {
  if (table.columns <= 0 || table.widthColumns <= 0 || table.rows.empty() ||
      table.order.size() != static_cast<size_t>(table.columns) ||
      table.losses.size() != table.rows.size())
    return false;
  std::vector<bool> seen(table.columns);
  for (uint32_t column : table.order) {
    if (column >= seen.size() || seen[column])
      return false;
    seen[column] = true;
  }
  for (const auto &panel : table.losses)
    if (panel.size() != blockCount(table))
      return false;
  return true;
}

static LossTable tableFromJSON(const json &object) {
  LossTable table;
  table.name = object.at("name").get<std::string>();
  table.columns = object.at("columns").get<int64_t>();
  table.widthColumns = object.at("width_columns").get<int64_t>();
  table.rows = object.at("rows").get<std::vector<int64_t>>();
  table.order = object.at("order").get<std::vector<uint32_t>>();
  table.losses =
      object.at("losses").get<std::vector<std::vector<LossTable::Losses>>>();
  return table;
}

static json tableToJSON(const LossTable &table) {
  return {{"name", table.name},   {"columns", table.columns},
          {"rows", table.rows},   {"width_columns", table.widthColumns},
          {"order", table.order}, {"losses", table.losses}};
}

llvm::Expected<LossFile> LossFile::read(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return errorAt(path, "cannot be read: " + buffer.getError().message());
  LossFile file;
  // The JSON library reports by exceptions; they end here.
  try {
    json root = json::parse((*buffer)->getBuffer().begin(),
                            (*buffer)->getBuffer().end());
    for (const json &object : root.at("stacks"))
      file.tables.push_back(tableFromJSON(object));
    file.headMoment = root.at("head_moment").get<std::vector<float>>();
  } catch (const json::exception &exception) {
    return errorAt(path,
                   llvm::Twine("is no file of losses: ") + exception.what());
  }
  for (const LossTable &table : file.tables)
    if (!isConsistent(table))
      return errorAt(path, "stack '" + table.name +
                               "' has sizes that contradict each other");
  return file;
}

llvm::Error LossFile::write(llvm::StringRef path) const {
  json root = {{"stacks", json::array()}, {"head_moment", headMoment}};
  for (const LossTable &table : tables)
    root["stacks"].push_back(tableToJSON(table));
  return writeFile(path, root.dump() + "\n");
}
