//===- CalibrationTexts.cpp - what a model is calibrated on ---------------===//

#include "CalibrationTexts.h"
#include "Tokenizer.h"
#include "picollm/Calibration/SelfGeneration.h"
#include "picollm/Calibration/Texts.h"

using namespace picollm;

llvm::Expected<TokenSequences>
picollm::calibrationTexts(const CompileOptions &options, mlir::ModuleOp module,
                          llvm::StringRef tokenizerTables) {
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
    return readCalibrationTexts(options.calibration, tokenize,
                                options.calibrationTexts);
  }
  WeightReader reader;
  auto model = ReferenceModel::create(module, reader);
  if (!model)
    return model.takeError();
  SelfGenerationOptions generation;
  generation.texts = options.calibrationTexts;
  if (tokenizer.bos() >= 0)
    generation.begin = tokenizer.bos();
  return selfGenerateTextsCached(**model, options.model, generation);
}
