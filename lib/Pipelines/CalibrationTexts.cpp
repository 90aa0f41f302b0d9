//===- CalibrationTexts.cpp - what a model is calibrated on ---------------===//

#include "CalibrationTexts.h"
#include "Tokenizer.h"
#include "picollm/Calibration/SelfGeneration.h"
#include "picollm/Calibration/Texts.h"

using namespace picollm;

/// Fewer tokens say nothing about any column.
static constexpr size_t minimumTokens = 64;

static llvm::Error checkLength(llvm::StringRef path,
                               const TokenSequences &texts) {
  size_t tokens = 0;
  for (const std::vector<int32_t> &text : texts)
    tokens += text.size();
  if (tokens >= minimumTokens)
    return llvm::Error::success();
  return llvm::createStringError(
      path + ": calibration text has " + llvm::Twine(tokens) +
      " tokens, expected at least " + llvm::Twine(minimumTokens) +
      "; give more text, best some thousands of words");
}

llvm::Expected<TokenSequences>
picollm::calibrationTexts(const CompileOptions &options, mlir::ModuleOp module,
                          llvm::StringRef tokenizerTables, int64_t count) {
  // The tables want an alignment that a string does not promise.
  std::vector<uint64_t> aligned((tokenizerTables.size() + 7) / 8);
  std::memcpy(aligned.data(), tokenizerTables.data(), tokenizerTables.size());
  Tokenizer tokenizer;
  std::string problem = tokenizer.open(aligned.data(), tokenizerTables.size());
  if (!problem.empty())
    return llvm::createStringError("the compiled tokenizer is invalid: " +
                                   problem);
  if (!options.calibration.empty()) {
    auto tokenize =
        [&](llvm::StringRef text) -> llvm::Expected<std::vector<int32_t>> {
      std::vector<int32_t> ids =
          tokenizer.encode({text.data(), text.size()}, /*parseSpecial=*/false);
      if (tokenizer.addBos())
        ids.insert(ids.begin(), tokenizer.bos());
      return ids;
    };
    auto texts = readCalibrationTexts(options.calibration, tokenize, count);
    if (!texts)
      return texts.takeError();
    if (llvm::Error error = checkLength(options.calibration, *texts))
      return std::move(error);
    return texts;
  }
  WeightReader reader;
  auto model = ReferenceModel::create(module, reader);
  if (!model)
    return model.takeError();
  SelfGenerationOptions generation;
  generation.texts = count;
  if (tokenizer.bos() >= 0)
    generation.begin = tokenizer.bos();
  return selfGenerateTextsCached(**model, options.model, generation);
}
