//===- AllocationFile.cpp - allocation.json -------------------------------===//

#include "picollm/Quantization/AllocationFile.h"
#include "picollm/Support/Quote.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <nlohmann/json.hpp>
#include <numeric>

using namespace picollm;
/// For writing: keeps the order of keys. (Looking one up takes linear time.)
using OrderedJson = nlohmann::ordered_json;
using nlohmann::json;

double MatrixAllocation::bits() const {
  return 8.0 * static_cast<double>(matrixBytes(stack.layout)) /
         static_cast<double>(stack.layout.rows() * stack.layout.columns);
}

double AllocationReport::bitsPerWeight() const {
  return weights > 0 ? 8.0 * static_cast<double>(fileBytes) /
                           static_cast<double>(weights)
                     : 0.0;
}

AllocationReport picollm::makeReport(const Allocation &allocation,
                                     llvm::ArrayRef<LossTable> tables,
                                     int64_t weights) {
  AllocationReport report;
  report.fileBytes = allocation.fileBytes;
  report.weights = weights;
  report.optimality = allocation.optimality;
  for (size_t i = 0; i < tables.size(); ++i) {
    MatrixAllocation &matrix = report.matrices.emplace_back();
    matrix.name = tables[i].name;
    matrix.stack = allocation.stacks[i];
    for (double loss : matrix.stack.losses)
      matrix.loss += loss;
  }
  return report;
}

static OrderedJson toJson(const MatrixAllocation &matrix) {
  OrderedJson panels = OrderedJson::array();
  for (size_t p = 0; p < matrix.stack.layout.panels.size(); ++p) {
    const Panel &panel = matrix.stack.layout.panels[p];
    OrderedJson segments = OrderedJson::array();
    for (const Segment &segment : panel.segments) {
      OrderedJson entry{{"bits", segment.bits}, {"columns", segment.columns}};
      if (segment.group)
        entry["group"] = segment.group;
      segments.push_back(std::move(entry));
    }
    OrderedJson &entry = panels.emplace_back(
        OrderedJson{{"rows", panel.rows}, {"segments", segments}});
    if (p < matrix.sources.size())
      entry["source"] = matrix.sources[p];
  }
  OrderedJson json{{"name", matrix.name},
                   {"rows", matrix.stack.layout.rows()},
                   {"columns", matrix.stack.layout.columns},
                   {"bits", matrix.bits()},
                   {"panels", panels},
                   {"loss", matrix.loss}};
  if (!matrix.stack.order.empty())
    json["order"] = matrix.stack.order;
  return json;
}

/// Names come from model files, which may hold any bytes.
static std::string dump(const OrderedJson &json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

static std::string formatOptimality(const std::optional<Optimality> &value) {
  if (!value)
    return {};
  return ",\n\"loss\": " + dump(OrderedJson(value->loss)) +
         ",\n\"bound\": " + dump(OrderedJson(value->bound)) +
         ",\n\"gap\": " + dump(OrderedJson(value->gap())) +
         ",\n\"multiplier\": " + dump(OrderedJson(value->multiplier));
}

std::string picollm::formatAllocation(const AllocationReport &report) {
  std::string text = "{\n";
  if (!report.scheme.empty())
    text += "\"scheme\": " + dump(OrderedJson(report.scheme)) + ",\n";
  text +=
      "\"file_bytes\": " + std::to_string(report.fileBytes) +
      ",\n\"weights\": " + std::to_string(report.weights) +
      ",\n\"bits_per_weight\": " + dump(OrderedJson(report.bitsPerWeight())) +
      formatOptimality(report.optimality) + ",\n\"matrices\": [";
  const char *separator = "\n";
  for (const MatrixAllocation &matrix : report.matrices) {
    text += separator + dump(toJson(matrix));
    separator = ",\n";
  }
  return text + "\n]\n}\n";
}

namespace {

/// Reads members of JSON objects and keeps the first error.
class JsonReader {
public:
  explicit JsonReader(llvm::StringRef file) : file(file) {}

  const json *array(const json &object, const char *key) {
    const json *value = member(object, key);
    if (value && !value->is_array())
      fail(llvm::Twine("'") + key + "' is no array");
    return value && value->is_array() ? value : nullptr;
  }

  int64_t integer(const json &object, const char *key) {
    const json *value = member(object, key);
    constexpr int64_t limit = int64_t(1) << 50;
    if (value && value->is_number_integer() &&
        !(value->is_number_unsigned() &&
          value->get<uint64_t>() > uint64_t(limit)) &&
        value->get<int64_t>() >= -limit)
      return value->get<int64_t>();
    fail(llvm::Twine("'") + key + "' is no integer");
    return 0;
  }

  /// A number that is not negative.
  double amount(const json &object, const char *key) {
    const json *value = member(object, key);
    if (value && value->is_number() && value->get<double>() >= 0)
      return value->get<double>();
    fail(llvm::Twine("'") + key + "' is no number of 0 or more");
    return 0;
  }

  std::string string(const json &object, const char *key) {
    const json *value = member(object, key);
    if (value && value->is_string())
      return value->get<std::string>();
    fail(llvm::Twine("'") + key + "' is no string");
    return {};
  }

  void fail(const llvm::Twine &message) {
    if (failure.empty())
      failure = (file + ": " + message).str();
  }

  bool failed() const { return !failure.empty(); }

  llvm::Error takeError() const {
    if (failure.empty())
      return llvm::Error::success();
    return llvm::createStringError(llvm::inconvertibleErrorCode(), failure);
  }

private:
  const json *member(const json &object, const char *key) {
    auto found = object.is_object() ? object.find(key) : object.end();
    if (!object.is_object() || found == object.end()) {
      fail(llvm::Twine("'") + key + "' is missing");
      return nullptr;
    }
    return &*found;
  }

  llvm::StringRef file;
  std::string failure;
};

} // namespace

static MatrixAllocation readMatrix(const json &object, JsonReader &reader) {
  MatrixAllocation matrix;
  matrix.name = reader.string(object, "name");
  MatrixLayout &layout = matrix.stack.layout;
  layout.columns = reader.integer(object, "columns");
  const json *panels = reader.array(object, "panels");
  if (!panels)
    return matrix;
  for (const json &entry : *panels) {
    Panel &panel = layout.panels.emplace_back();
    panel.rows = reader.integer(entry, "rows");
    if (entry.contains("source"))
      matrix.sources.push_back(reader.string(entry, "source"));
    if (const json *segments = reader.array(entry, "segments"))
      for (const json &segment : *segments)
        panel.segments.push_back(
            {reader.integer(segment, "bits"),
             reader.integer(segment, "columns"),
             segment.contains("group") ? reader.integer(segment, "group") : 0});
  }
  if (reader.failed())
    return matrix;
  if (!matrix.sources.empty() && matrix.sources.size() != layout.panels.size())
    reader.fail("matrix " + quote(matrix.name) +
                " has a 'source' in some panels only; give it in all or none");
  if (llvm::Error error = checkLayout(layout))
    reader.fail("matrix " + quote(matrix.name) + ": " +
                llvm::toString(std::move(error)));
  else if (reader.integer(object, "rows") != layout.rows())
    reader.fail("matrix " + quote(matrix.name) + " has " +
                llvm::Twine(layout.rows()) + " rows in its panels, not 'rows'");
  if (object.contains("loss") && object["loss"].is_number())
    matrix.loss = object["loss"].get<double>();
  if (!object.contains("order"))
    return matrix;
  const json *order = reader.array(object, "order");
  if (!order)
    return matrix;
  std::vector<bool> seen(order->size());
  for (const json &entry : *order) {
    if (!entry.is_number_unsigned() || entry.get<uint64_t>() >= seen.size() ||
        seen.size() != size_t(layout.columns) || seen[entry.get<uint64_t>()]) {
      reader.fail("matrix " + quote(matrix.name) +
                  " has an 'order' that is no permutation of its columns");
      return matrix;
    }
    seen[entry.get<uint64_t>()] = true;
    matrix.stack.order.push_back(entry.get<uint32_t>());
  }
  return matrix;
}

/// Absent without "bound"; the gap follows from the others.
static std::optional<Optimality> readOptimality(const json &root,
                                                JsonReader &reader) {
  if (!root.is_object() || !root.contains("bound"))
    return std::nullopt;
  Optimality optimality;
  optimality.loss = reader.amount(root, "loss");
  optimality.bound = reader.amount(root, "bound");
  optimality.multiplier = reader.amount(root, "multiplier");
  return optimality;
}

llvm::Expected<AllocationReport>
picollm::parseAllocation(llvm::StringRef text, llvm::StringRef name) {
  json root = json::parse(text.begin(), text.end(), /*cb=*/nullptr,
                          /*allow_exceptions=*/false);
  JsonReader reader(name);
  AllocationReport report;
  int64_t weights = 0;
  if (root.is_discarded()) {
    reader.fail("is no valid JSON");
    return reader.takeError();
  }
  if (root.contains("scheme"))
    report.scheme = reader.string(root, "scheme");
  report.fileBytes = reader.integer(root, "file_bytes");
  report.weights = reader.integer(root, "weights");
  report.optimality = readOptimality(root, reader);
  if (const json *matrices = reader.array(root, "matrices"))
    for (const json &matrix : *matrices) {
      const MatrixLayout &layout =
          report.matrices.emplace_back(readMatrix(matrix, reader)).stack.layout;
      if (reader.failed())
        break;
      weights += layout.rows() * layout.columns;
      if (weights > maxWeights)
        reader.fail("its matrices hold more weights than any model");
    }
  if (llvm::Error error = reader.takeError())
    return error;
  return report;
}

llvm::Error picollm::writeAllocation(const AllocationReport &report,
                                     llvm::StringRef path) {
  return writeFile(path, formatAllocation(report));
}

llvm::Expected<AllocationReport> picollm::readAllocation(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer)
    return llvm::createStringError("%s: cannot read allocation: %s",
                                   path.str().c_str(),
                                   buffer.getError().message().c_str());
  return parseAllocation((*buffer)->getBuffer(), path);
}

llvm::Expected<Allocation>
picollm::applyReport(const AllocationReport &report,
                     llvm::ArrayRef<LossTable> tables, int64_t fixedBytes) {
  llvm::StringMap<const MatrixAllocation *> byName;
  for (const MatrixAllocation &matrix : report.matrices)
    byName[matrix.name] = &matrix;
  Allocation allocation;
  allocation.fileBytes = fixedBytes;
  bool measured = true;
  for (const LossTable &table : tables) {
    auto fail = [&](const llvm::Twine &message) {
      return llvm::createStringError(llvm::inconvertibleErrorCode(),
                                     "allocation of " + quote(table.name) +
                                         " " + message);
    };
    const MatrixAllocation *matrix = byName.lookup(table.name);
    if (!matrix)
      return fail("is missing; the file must name every matrix of the model");
    const MatrixLayout &layout = matrix->stack.layout;
    int64_t rows =
        std::accumulate(table.rows.begin(), table.rows.end(), int64_t(0));
    if (layout.rows() != rows || layout.columns != table.columns)
      return fail("has " + llvm::Twine(layout.rows()) + " rows and " +
                  llvm::Twine(layout.columns) + " columns, the model's has " +
                  llvm::Twine(rows) + " and " + llvm::Twine(table.columns));
    if (llvm::any_of(layout.panels, panelGroups))
      return fail("has a 'group', which --scheme=rtn and gptq make from --bits "
                  "alone; remove it");
    StackAllocation &stack = allocation.stacks.emplace_back(matrix->stack);
    if (stack.order.empty())
      stack.order = table.order;
    if (auto widths = blockWidthsOf(table, stack))
      stack.losses = panelLosses(table, *widths);
    measured &= !stack.losses.empty();
    allocation.fileBytes += matrixBytes(stack.layout);
  }
  if (!measured)
    return allocation;
  auto optimality =
      measureOptimality(tables, {allocation.fileBytes, fixedBytes},
                        sumOfLosses(allocation.stacks));
  if (!optimality)
    return optimality.takeError();
  allocation.optimality = *optimality;
  return allocation;
}
