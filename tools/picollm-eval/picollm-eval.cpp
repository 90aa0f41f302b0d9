//===- picollm-eval.cpp - how well a model predicts -----------------------===//

#include "Score.h"
#include "ScoreItems.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include "picollm/Support/Signals.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

using namespace picollm;
using llvm::Error;
using llvm::Expected;
namespace cl = llvm::cl;

// Numbers of JSON as floats: they are printed with as many digits as needed.
using FloatJson = nlohmann::basic_json<std::map, std::vector, std::string, bool,
                                       int64_t, uint64_t, float>;

static cl::SubCommand
    perplexityCommand("perplexity", "Perplexity over a folder of texts: the "
                                    "predictions of tokens 513 to 1023");
static cl::SubCommand
    compareCommand("compare",
                   "Several models in one table: size, perplexity, and how far "
                   "their predictions are from those of the first");
static cl::SubCommand
    taskCommand("task", "Negative log-likelihood of answers, and the accuracy "
                        "where the items have choices");
static cl::SubCommand logitsCommand("logits",
                                    "Logits of every token of a sequence");

static cl::opt<std::string> modelPath(
    cl::Positional, cl::Required,
    cl::desc(
        "<folder of a compiled model, model file (GGUF, .picollm), Hugging "
        "Face folder or IR of a model>"),
    cl::sub(perplexityCommand), cl::sub(taskCommand), cl::sub(logitsCommand));
static cl::list<std::string>
    modelPaths(cl::Positional, cl::OneOrMore,
               cl::desc("<reference> <models: the same as for perplexity>"),
               cl::sub(compareCommand));
static cl::opt<bool> json("json", cl::desc("Print one JSON object"),
                          cl::sub(perplexityCommand), cl::sub(compareCommand),
                          cl::sub(taskCommand), cl::sub(logitsCommand));
static cl::opt<bool> quiet("quiet", cl::desc("No progress on stderr"),
                           cl::sub(perplexityCommand), cl::sub(compareCommand),
                           cl::sub(taskCommand), cl::sub(logitsCommand));
static cl::opt<unsigned> threads("j", cl::desc("Threads (0: one per core)"),
                                 cl::Prefix, cl::init(0),
                                 cl::sub(perplexityCommand),
                                 cl::sub(compareCommand), cl::sub(taskCommand),
                                 cl::sub(logitsCommand));
static cl::opt<Path> path(
    "path", cl::desc("How a compiled model is fed:"),
    cl::values(clEnumValN(Path::Decode, "decode", "token by token (default)"),
               clEnumValN(Path::Prefill, "prefill", "all at once")),
    cl::init(Path::Decode), cl::sub(perplexityCommand), cl::sub(compareCommand),
    cl::sub(taskCommand), cl::sub(logitsCommand));
static cl::opt<std::string>
    folder("folder", cl::value_desc("DIR"),
           cl::desc("Where the weight file and the tokenizer of an IR file "
                    "are (default: beside it)"),
           cl::sub(perplexityCommand), cl::sub(compareCommand),
           cl::sub(taskCommand), cl::sub(logitsCommand));
static cl::opt<std::string>
    reference("reference", cl::value_desc("MODEL"),
              cl::desc("Say how far the predictions are from those of this "
                       "model too"),
              cl::sub(perplexityCommand), cl::sub(taskCommand));
static cl::opt<std::string>
    items("items", cl::Required, cl::value_desc("FILE.jsonl"),
          cl::desc("Items, {\"prompt\": \"...\", \"answer\": \"...\"} on each "
                   "line; \"choices\": [\"...\"] and \"answer_index\": N, from "
                   "0, may follow"),
          cl::sub(taskCommand));
static cl::opt<std::string>
    texts("texts", cl::Required, cl::value_desc("DIR"),
          cl::desc("Folder of texts, taken in numeric order"),
          cl::sub(perplexityCommand), cl::sub(compareCommand));
static cl::opt<unsigned>
    limit("limit", cl::init(0), cl::value_desc("N"),
          cl::desc("At most so many texts or items (0: all)"),
          cl::sub(perplexityCommand), cl::sub(compareCommand),
          cl::sub(taskCommand));
static cl::list<int> tokenList("tokens", cl::CommaSeparated, cl::OneOrMore,
                               cl::value_desc("1,2,3"), cl::desc("Token ids"),
                               cl::sub(logitsCommand));

static Expected<std::unique_ptr<LanguageModel>>
loadModel(const std::string &model, int64_t context) {
  if (isCompiledModel(model))
    return loadCompiledModel(model, path, context);
  if (llvm::sys::fs::is_directory(model) &&
      !llvm::sys::fs::exists(model + "/config.json"))
    return llvm::createStringError(
        model + ": folder holds no compiled model; expected the output of "
                "picollm-compile, a GGUF or .picollm file, or a Hugging "
                "Face folder");
  return loadInterpretedModel(model, folder);
}

/// Several models, and pointers to them.
struct LoadedModels {
  std::vector<std::unique_ptr<LanguageModel>> models;
  std::vector<LanguageModel *> pointers;
};

static Expected<LoadedModels> loadModels(llvm::ArrayRef<std::string> paths,
                                         int64_t context) {
  LoadedModels loaded;
  for (const std::string &each : paths) {
    auto model = loadModel(each, context);
    if (!model)
      return model.takeError();
    loaded.pointers.push_back(model->get());
    loaded.models.push_back(std::move(*model));
  }
  return loaded;
}

static Expected<std::vector<Score>>
scorePaths(llvm::ArrayRef<std::string> paths, bool compare) {
  auto loaded = loadModels(paths, perplexityTokens);
  if (!loaded)
    return loaded.takeError();
  return scoreModels(loaded->pointers, texts, limit, compare);
}

/// The model, behind its reference if one is given.
static std::vector<std::string> referenceAndModel() {
  std::vector<std::string> paths;
  if (!reference.empty())
    paths.push_back(reference);
  paths.push_back(modelPath);
  return paths;
}

/// Nats by which the mean negative log-likelihood is above that of `reference`.
static double increase(const Score &score, const Score &reference) {
  return std::log(score.perplexityGeometric / reference.perplexityGeometric);
}

static void printBeside(double increase, double divergence, double agreement) {
  llvm::outs() << llvm::format(
      "beside the reference: %+.4f nats, KL divergence %.4f nats, the same "
      "most probable token %.2f %%\n",
      increase, divergence, 100 * agreement);
}

static Error runPerplexity() {
  auto scores = scorePaths(referenceAndModel(), !reference.empty());
  if (!scores)
    return scores.takeError();
  const Score &score = scores->back();
  if (json) {
    nlohmann::ordered_json object{
        {"perplexity", score.perplexity},
        {"perplexity_geometric", score.perplexityGeometric},
        {"texts", score.texts},
        {"tokens", score.tokens}};
    if (!reference.empty()) {
      object["increase"] = increase(score, scores->front());
      object["kl_divergence"] = score.divergence;
      object["top1_agreement"] = score.agreement;
    }
    llvm::outs() << object.dump() << '\n';
    return Error::success();
  }
  llvm::outs() << llvm::format("perplexity %.3f (geometric %.3f) over ",
                               score.perplexity, score.perplexityGeometric)
               << score.texts << " texts, " << score.tokens
               << " predicted tokens\n";
  if (!reference.empty())
    printBeside(increase(score, scores->front()), score.divergence,
                score.agreement);
  return Error::success();
}

static Error runTask() {
  auto all = readTaskItems(items);
  if (!all)
    return all.takeError();
  if (limit && all->size() > limit)
    all->resize(limit);
  auto loaded = loadModels(referenceAndModel(), calibrationTokens);
  if (!loaded)
    return loaded.takeError();
  auto scores = scoreItems(loaded->pointers, *all, !reference.empty());
  if (!scores)
    return scores.takeError();
  const ItemScore &score = scores->back();
  const double more = score.answerLoss - scores->front().answerLoss;
  if (json) {
    nlohmann::ordered_json object{{"answer_loss", score.answerLoss},
                                  {"items", score.items},
                                  {"answer_tokens", score.answerTokens}};
    if (score.choiceItems) {
      object["accuracy"] = score.accuracy;
      object["choice_items"] = score.choiceItems;
    }
    if (!reference.empty()) {
      object["increase"] = more;
      object["kl_divergence"] = score.divergence;
      object["top1_agreement"] = score.agreement;
    }
    llvm::outs() << object.dump() << '\n';
    return Error::success();
  }
  llvm::outs() << llvm::format("answer loss %.4f nats per token over ",
                               score.answerLoss)
               << score.items << " items, " << score.answerTokens
               << " answer tokens\n";
  if (score.choiceItems)
    llvm::outs() << llvm::format("accuracy %.2f %% of ", 100 * score.accuracy)
                 << score.choiceItems << " items with choices\n";
  if (!reference.empty())
    printBeside(more, score.divergence, score.agreement);
  return Error::success();
}

static Error runCompare() {
  auto scores = scorePaths(modelPaths, true);
  if (!scores)
    return scores.takeError();
  auto rows = nlohmann::ordered_json::array();
  if (!json)
    llvm::outs() << "        bytes  perplexity  geometric  increase  KL "
                    "divergence  same top  model\n";
  for (auto [name, score] : llvm::zip_equal(modelPaths, *scores)) {
    const int64_t bytes = weightBytes(name);
    const double more = increase(score, scores->front());
    if (json)
      rows.push_back({{"model", name},
                      {"weight_bytes", bytes},
                      {"perplexity", score.perplexity},
                      {"perplexity_geometric", score.perplexityGeometric},
                      {"increase", more},
                      {"kl_divergence", score.divergence},
                      {"top1_agreement", score.agreement}});
    else
      llvm::outs() << llvm::format("%13lld  %10.3f  %9.3f  %8.4f  %13.4f  "
                                   "%6.2f %%  ",
                                   static_cast<long long>(bytes),
                                   score.perplexity, score.perplexityGeometric,
                                   more, score.divergence,
                                   100 * score.agreement)
                   << name << '\n';
  }
  const Score &first = scores->front();
  if (json)
    llvm::outs() << nlohmann::ordered_json{{"models", std::move(rows)},
                                           {"texts", first.texts},
                                           {"tokens", first.tokens}}
                        .dump()
                 << '\n';
  else
    llvm::outs() << first.texts << " texts, " << first.tokens
                 << " predicted tokens; increase and divergence in nats from "
                    "the first model\n";
  return Error::success();
}

/// The five largest logits of a row, largest first.
static void printTop(int64_t position, const float *row, int64_t count) {
  std::vector<int64_t> ids(count);
  std::iota(ids.begin(), ids.end(), 0);
  int64_t shown = std::min<int64_t>(5, count);
  std::partial_sort(ids.begin(), ids.begin() + shown, ids.end(),
                    [&](int64_t a, int64_t b) { return row[a] > row[b]; });
  llvm::outs() << "after token " << position << ':';
  for (int64_t i = 0; i < shown; ++i)
    llvm::outs() << "  " << ids[i] << ' ' << llvm::format("%.4f", row[ids[i]]);
  llvm::outs() << '\n';
}

static Error runLogits() {
  std::vector<int32_t> tokens(tokenList.begin(), tokenList.end());
  auto model = loadModel(modelPath, tokens.size());
  if (!model)
    return model.takeError();
  FloatJson rowsOfJson = FloatJson::array();
  auto visit = [&](int64_t first, const Matrix &rows) {
    for (int64_t i = 0; i < rows.rows; ++i) {
      if (json)
        rowsOfJson.push_back(
            std::vector<float>(rows.row(i), rows.row(i) + rows.columns));
      else
        printTop(first + i, rows.row(i), rows.columns);
    }
    return Error::success();
  };
  if (Error error = (*model)->run(tokens, 0, visit))
    return error;
  if (json)
    llvm::outs() << FloatJson{{"logits", std::move(rowsOfJson)}}.dump() << '\n';
  return Error::success();
}

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  prepareSignals();
  // Those of LLVM, which belong to no command.
  cl::OptionCategory general("General options");
  cl::HideUnrelatedOptions(general);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Evaluates language models: folders that picollm-compile wrote by the "
      "runtime,\nmodels (GGUF files, Hugging Face folders, .picollm files) and "
      "IR "
      "(.mlir) by\n"
      "the reference interpreter\n");
  setThreadCount(threads);
  if (quiet)
    Progress::disable();
  Error error = Error::success();
  if (perplexityCommand)
    error = runPerplexity();
  else if (compareCommand)
    error = runCompare();
  else if (taskCommand)
    error = runTask();
  else if (logitsCommand)
    error = runLogits();
  else
    error = llvm::createStringError(
        "no command is given; expected 'perplexity', 'compare', 'task' or "
        "'logits' (see --help)");
  error = flushStdout(std::move(error));
  if (!error)
    return 0;
  llvm::errs() << "picollm-eval: " << llvm::toString(std::move(error)) << '\n';
  return 1;
}
