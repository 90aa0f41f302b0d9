//===- LossFile.cpp - what calibration leaves for allocation --------------===//

#include "picollm/Compression/LossFile.h"
#include "picollm/Support/Quote.h"
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
  return (table.columns - 1) / table.widthColumns + 1;
}

static bool isConsistent(const LossTable &table) {
  if (table.columns <= 0 || table.columns > maxColumns ||
      table.columns % stepColumns || table.widthColumns <= 0 ||
      table.widthColumns % stepColumns || table.rows.empty() ||
      table.order.size() != static_cast<size_t>(table.columns) ||
      table.losses.size() != table.rows.size())
    return false;
  int64_t rows = 0;
  for (int64_t panel : table.rows) {
    if (panel <= 0 || panel > maxRows - rows)
      return false;
    rows += panel;
  }
  if (!table.rowWeights.empty() && table.rowWeights.size() != size_t(rows))
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

/// -1, which no count is, for anything but an integer from 0 to 2^31: the
/// library would make some integer of 1e300 too.
static int64_t countFromJSON(const json &value) {
  if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t(maxRows))
    return -1;
  return value.get<int64_t>();
}

static LossTable tableFromJSON(const json &object) {
  LossTable table;
  table.name = object.at("name").get<std::string>();
  table.columns = countFromJSON(object.at("columns"));
  table.widthColumns = countFromJSON(object.at("width_columns"));
  for (const json &rows : object.at("rows"))
    table.rows.push_back(countFromJSON(rows));
  for (const json &column : object.at("order"))
    table.order.push_back(static_cast<uint32_t>(countFromJSON(column)));
  table.losses =
      object.at("losses").get<std::vector<std::vector<LossTable::Losses>>>();
  table.rowWeights = object.at("row_weights").get<std::vector<float>>();
  return table;
}

static json tableToJSON(const LossTable &table) {
  return {{"name", table.name},
          {"columns", table.columns},
          {"rows", table.rows},
          {"width_columns", table.widthColumns},
          {"order", table.order},
          {"losses", table.losses},
          {"row_weights", table.rowWeights}};
}

llvm::Expected<LossFile> LossFile::read(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return errorAt(path, "cannot be read: " + buffer.getError().message());
  return parse((*buffer)->getBuffer(), path);
}

llvm::Expected<LossFile> LossFile::parse(llvm::StringRef text,
                                         llvm::StringRef path) {
  LossFile file;
  // The JSON library reports by exceptions; they end here.
  try {
    json root = json::parse(text.begin(), text.end());
    for (const json &object : root.at("stacks"))
      file.tables.push_back(tableFromJSON(object));
    file.embeddingMoment =
        root.at("embedding_moment").get<std::vector<float>>();
  } catch (const json::exception &exception) {
    return errorAt(path,
                   llvm::Twine("is no file of losses: ") + exception.what());
  }
  int64_t weights = 0;
  for (const LossTable &table : file.tables) {
    if (!isConsistent(table))
      return errorAt(path, "stack " + quote(table.name) +
                               " has sizes that contradict each other");
    for (int64_t rows : table.rows)
      weights += rows * table.columns;
    if (weights > maxWeights)
      return errorAt(path, "its stacks hold more weights than any model");
  }
  return file;
}

llvm::Error LossFile::write(llvm::StringRef path) const {
  json root = {{"stacks", json::array()},
               {"embedding_moment", embeddingMoment}};
  for (const LossTable &table : tables)
    root["stacks"].push_back(tableToJSON(table));
  return writeFile(path, root.dump() + "\n");
}
