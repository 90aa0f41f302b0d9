//===- CalibrationTexts.cpp - what a model is calibrated on ---------------===//

#include "CalibrationTexts.h"
#include "PicoLLM/Model/Model.h"
#include "Tokenizer.h"
#include "picollm/Calibration/SelfGeneration.h"
#include "picollm/Calibration/TaskItems.h"

using namespace picollm;

/// Texts where the user does not say how many.
static int64_t textsOf(Effort effort) {
  switch (effort) {
  case Effort::Fast:
    return 4;
  case Effort::Default:
    return 12;
  case Effort::Max:
    return 48;
  }
  llvm_unreachable("no effort");
}

/// Of texts that the model writes it takes more: they are half as long. Twice
/// as many would take SmolLM2 on two cores more than five minutes.
static int64_t writtenTextsOf(Effort effort) { return textsOf(effort) * 3 / 2; }

/// Fewer tokens say nothing about any column.
static constexpr int64_t minimumTokens = 64;

namespace {

class CalibrationReader {
public:
  CalibrationReader(const CompileOptions &options, mlir::ModuleOp module)
      : options(options), module(module) {}

  llvm::Error open(llvm::StringRef tokenizerTables);
  llvm::Expected<CalibrationSets> read(int64_t factor);

private:
  std::vector<int32_t> encode(llvm::StringRef text) const;
  llvm::Expected<TokenSequences> readTexts(int64_t count);
  llvm::Expected<TokenSequences> generateTexts(int64_t count,
                                               double &writingSeconds);
  llvm::Expected<CalibrationSet> readItems(int64_t factor);
  CalibrationSet::Limit itemLimit(int64_t factor) const;
  int64_t tokenLimit() const;

  const CompileOptions &options;
  mlir::ModuleOp module;
  std::vector<uint64_t> tables; ///< for the alignment that they want
  Tokenizer tokenizer;
};

} // namespace

static llvm::Error checkLength(llvm::StringRef path, int64_t tokens,
                               llvm::StringRef what, llvm::StringRef remedy) {
  if (tokens >= minimumTokens)
    return llvm::Error::success();
  return llvm::createStringError(path + ": " + what + " " +
                                 llvm::Twine(tokens) +
                                 " tokens, expected at least " +
                                 llvm::Twine(minimumTokens) + "; " + remedy);
}

llvm::Error CalibrationReader::open(llvm::StringRef tokenizerTables) {
  tables.resize((tokenizerTables.size() + 7) / 8);
  std::memcpy(tables.data(), tokenizerTables.data(), tokenizerTables.size());
  std::string problem = tokenizer.open(tables.data(), tokenizerTables.size());
  if (problem.empty())
    return llvm::Error::success();
  return llvm::createStringError("the compiled tokenizer is invalid: " +
                                 problem);
}

std::vector<int32_t> CalibrationReader::encode(llvm::StringRef text) const {
  std::vector<int32_t> ids =
      tokenizer.encode({text.data(), text.size()}, /*parseSpecial=*/false);
  if (tokenizer.addBos())
    ids.insert(ids.begin(), tokenizer.bos());
  return ids;
}

llvm::Expected<TokenSequences> CalibrationReader::readTexts(int64_t count) {
  auto texts = readCalibrationTexts(
      options.calibration, [&](llvm::StringRef text) { return encode(text); },
      count);
  if (!texts)
    return texts.takeError();
  if (llvm::Error error =
          checkLength(options.calibration, CalibrationSet(*texts).tokens(),
                      "calibration text has",
                      "give more text, best some thousands of words"))
    return std::move(error);
  return texts;
}

llvm::Expected<TokenSequences>
CalibrationReader::generateTexts(int64_t count, double &writingSeconds) {
  WeightReader reader;
  auto model = ReferenceModel::create(module, reader);
  if (!model)
    return model.takeError();
  SelfGenerationOptions generation;
  generation.texts = count;
  if (tokenizer.bos() >= 0)
    generation.begin = tokenizer.bos();
  if (!options.estimate)
    return selfGenerateTextsCached(**model, options.model, generation);
  auto estimate = estimateSelfGeneration(**model, options.model, generation);
  if (!estimate)
    return estimate.takeError();
  writingSeconds = estimate->seconds;
  return std::move(estimate->texts);
}

/// Tokens of an item at most.
int64_t CalibrationReader::tokenLimit() const {
  auto config = module->getAttrOfType<model::ConfigAttr>("picollm.config");
  return std::min(calibrationTokens, int64_t(config.getContextLength()));
}

/// How many items are taken: as many as the user says, or as have as many
/// tokens as texts can have.
CalibrationSet::Limit CalibrationReader::itemLimit(int64_t factor) const {
  CalibrationSet::Limit limit;
  if (options.calibrationTexts && options.calibration.empty())
    limit.texts = factor * options.calibrationTexts;
  else
    limit.tokens = factor * textsOf(options.effort) * calibrationTokens;
  return limit;
}

llvm::Expected<CalibrationSet> CalibrationReader::readItems(int64_t factor) {
  auto items = readTaskItems(options.task);
  if (!items)
    return items.takeError();
  CalibrationSet set;
  for (const TaskItem &item : *items) {
    if (set.reaches(itemLimit(factor)))
      break;
    auto tokens = tokenizeItem(
        item, item.answer, [&](llvm::StringRef text) { return encode(text); },
        tokenLimit());
    if (!tokens)
      return tokens.takeError();
    set.add(std::move(tokens->tokens), tokens->prompt);
  }
  if (llvm::Error error =
          checkLength(options.task, set.tokens(), "its items have",
                      "give more items, best some hundreds"))
    return std::move(error);
  return set;
}

llvm::Expected<CalibrationSets> CalibrationReader::read(int64_t factor) {
  const int64_t count = options.calibrationTexts ? options.calibrationTexts
                        : options.calibration.empty()
                            ? writtenTextsOf(options.effort)
                            : textsOf(options.effort);
  CalibrationSets sets;
  if (options.task.empty()) {
    auto texts = options.calibration.empty()
                     ? generateTexts(factor * count, sets.writingSeconds)
                     : readTexts(factor * count);
    if (!texts)
      return texts.takeError();
    sets.tuning = std::move(*texts);
    sets.calibration = sets.tuning.first({size_t(count)});
    sets.tuning = sets.tuning.startingAt(sets.calibration.size());
    return sets;
  }
  auto items = readItems(factor);
  if (!items)
    return items.takeError();
  sets.tuning = std::move(*items);
  if (!options.calibration.empty()) {
    auto texts = readTexts(count);
    if (!texts)
      return texts.takeError();
    for (std::vector<int32_t> &text : *texts) {
      const int64_t prompt = text.size();
      sets.calibration.add(std::move(text), prompt);
    }
  }
  const CalibrationSet first = sets.tuning.first(itemLimit(1));
  for (size_t item = 0; item < first.size(); ++item)
    sets.calibration.add(first.texts[item], first.prompts[item]);
  sets.tuning = sets.tuning.startingAt(first.size());
  return sets;
}

llvm::Expected<CalibrationSets>
picollm::readCalibrationSets(const CompileOptions &options,
                             mlir::ModuleOp module, llvm::StringRef tokenizer,
                             int64_t factor) {
  CalibrationReader reader(options, module);
  if (llvm::Error error = reader.open(tokenizer))
    return std::move(error);
  return reader.read(factor);
}
