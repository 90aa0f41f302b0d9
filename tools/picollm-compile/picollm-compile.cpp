//===- picollm-compile.cpp - a model file in, a shared library out --------===//

#include "mlir/IR/AsmState.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/Timing.h"
#include "mlir/Transforms/Passes.h"
#include "picollm/Packing/PackFile.h"
#include "picollm/Pipelines/Pipelines.h"
#include "picollm/Support/Parallel.h"
#include "picollm/Support/Progress.h"
#include "picollm/Support/Signals.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/WithColor.h"
#include "llvm/Support/raw_ostream.h"

using namespace llvm;
using picollm::Stage;

static cl::OptionCategory category("picollm-compile options");

static cl::opt<std::string>
    model(cl::Positional, cl::desc("MODEL"),
          cl::value_desc("GGUF file, Hugging Face folder or .picollm"),
          cl::cat(category));
static cl::opt<std::string>
    output("o",
           cl::desc("Folder to write; replaced if it holds a compiled model. A "
                    "name that ends in .picollm: the compressed model as one "
                    "file, to compile for any target later"),
           cl::value_desc("DIR|NAME.picollm"), cl::cat(category));
static cl::opt<std::string> name(
    "name",
    cl::desc("Name of the library (lib<N>.so, <N>.h); default: the folder's"),
    cl::value_desc("N"), cl::cat(category));
static cl::opt<double>
    bits("bits",
         cl::desc("Bits per weight of the whole weight file: embedding, head, "
                  "scales and header counted; default 4.5. With --scheme=rtn "
                  "and gptq the width of the codes of linear layers, 1 to 8; "
                  "default 4"),
         cl::value_desc("B"), cl::cat(category));
static cl::opt<std::string>
    sizeBudget("size",
               cl::desc("The same as a size in bytes; K, M, G are 1000^n"),
               cl::value_desc("BYTES[K|M|G]"), cl::cat(category));
static cl::opt<std::string>
    allocation("allocation",
               cl::desc("Take the widths from an allocation.json instead"),
               cl::value_desc("FILE"), cl::cat(category));
static cl::opt<std::string>
    scheme("scheme", cl::init("pico"),
           cl::desc("pico: learned widths per column (default); gptq: one "
                    "width for all linear layers, groups of 128 columns, error "
                    "feedback, as published; rtn: the same rounded to nearest, "
                    "without calibration (both: embedding and head 8 bits); "
                    "none: 16 bits everywhere; random: codes that stand for "
                    "nothing at widths as pico mixes them, to measure speed"),
           cl::value_desc("NAME"), cl::cat(category));
static cl::opt<std::string> calibration(
    "calibration",
    cl::desc("Texts that show what the model is used for; default: the model "
             "writes its own, more of them and half as long"),
    cl::value_desc("DIR|FILE"), cl::cat(category));
static cl::opt<unsigned> calibrationTexts(
    "calibration-texts",
    cl::desc("Texts to take, of at most 1024 tokens each, or items of a task "
             "without --calibration; default by --effort, and as many items as "
             "have as many tokens"),
    cl::value_desc("N"), cl::cat(category));
static constexpr const char *textTask = "perplexity";
static cl::opt<std::string> task(
    "task", cl::init(textTask),
    cl::desc("What errors are judged by: perplexity (default), every "
             "prediction in a text, or a file of items, {\"prompt\": \"...\", "
             "\"answer\": \"...\"} on each line: only predictions of the "
             "answers. With --calibration too, the inputs of layers are taken "
             "from both"),
    cl::value_desc("perplexity|FILE.jsonl"), cl::cat(category));
static cl::opt<picollm::Effort> effort(
    "effort", cl::init(picollm::Effort::Default),
    cl::desc("How long to compress, for --scheme=pico:"),
    cl::values(
        clEnumValN(picollm::Effort::Fast, "fast",
                   "4 texts, each layer by itself: to see a first result"),
        clEnumValN(picollm::Effort::Default, "default",
                   "12 texts, rows and layers make good each other's errors"),
        clEnumValN(picollm::Effort::Max, "max",
                   "48 texts, then tuning over four times as many")),
    cl::cat(category));
static cl::opt<double>
    tune("tune",
         cl::desc("Then tune scales and norms by gradient for so long, on four "
                  "times as many texts: gains most below 4 bits"),
         cl::value_desc("MINUTES"), cl::cat(category));
static cl::opt<unsigned> tuneSteps(
    "tune-steps",
    cl::desc("The same for so many steps, which gives the same result on every "
             "machine"),
    cl::value_desc("N"), cl::cat(category));
static cl::opt<std::string> chatTemplate(
    "chat-template",
    cl::desc("Jinja template of dialogs to use instead of the model's"),
    cl::value_desc("FILE"), cl::cat(category));
static cl::opt<std::string>
    target("target", cl::init("host"),
           cl::desc("host (default), x86-64, x86-64-v3 (AVX2), x86-64-v4 "
                    "(AVX-512 with VNNI, with and without GFNI), aarch64 (with "
                    "i8mm, with dot product and without), or an LLVM triple; "
                    "several, "
                    "comma-separated, become variants of one library"),
           cl::value_desc("NAME|TRIPLE"), cl::cat(category));
static cl::opt<std::string> cpu("mcpu", cl::desc("CPU as in clang"),
                                cl::value_desc("CPU"), cl::cat(category));
static cl::opt<std::string>
    features("mattr", cl::desc("CPU features as in llc: +avx2,-fma"),
             cl::value_desc("LIST"), cl::cat(category));
static cl::opt<std::string> schedule(
    "schedule",
    cl::desc("How to lay kernels out, as picollm-bench --tune measures "
             "and writes it; changes their speed, not their results"),
    cl::value_desc("FILE"), cl::cat(category));
static cl::opt<picollm::KVCacheType> kvCache(
    "kv-cache", cl::init(picollm::KVCacheType::F16),
    cl::desc("Numbers of the KV cache:"),
    cl::values(clEnumValN(picollm::KVCacheType::F16, "f16",
                          "16 bits (default)"),
               clEnumValN(picollm::KVCacheType::I8, "i8",
                          "8 bits, with a scale for each head and token: half "
                          "the memory, and long contexts are read faster")),
    cl::cat(category));
static cl::opt<bool> bundle(
    "bundle",
    cl::desc("One library with the runtime, the weights and the tokenizer "
             "inside, which needs nothing but the C library"),
    cl::cat(category));
static cl::opt<std::string> runtime(
    "runtime",
    cl::desc("The runtime for --bundle; default: what was built or installed "
             "with this compiler, lib/picollm/SYSTEM/libpicollm-runtime.a "
             "beside it for other systems"),
    cl::value_desc("FILE"), cl::cat(category));
static cl::opt<Stage> compileTo(
    "compile-to", cl::init(Stage::Library), cl::desc("Stop after a stage:"),
    cl::values(
        clEnumValN(Stage::Import, "import", "float model, picollm dialect"),
        clEnumValN(Stage::Calibrate, "calibrate", "losses per block and width"),
        clEnumValN(Stage::Allocate, "allocate", "widths"),
        clEnumValN(Stage::Quantize, "quantize", "codes and scales"),
        clEnumValN(Stage::Pack, "pack",
                   "weight file, or with -o NAME.picollm all in one file"),
        clEnumValN(Stage::Layout, "layout", "picollm_layout dialect"),
        clEnumValN(Stage::Step, "step", "picollm_step dialect"),
        clEnumValN(Stage::LLVM, "llvm", "LLVM dialect"),
        clEnumValN(Stage::Object, "object", "object file"),
        clEnumValN(Stage::Library, "library", "everything (default)")),
    cl::cat(category));
static cl::opt<std::string>
    saveStages("save-stages",
               cl::desc("Write the IR after every stage here, and keep what "
                        "was measured: the next compilation of the same model "
                        "and texts with this folder, at any budget, begins "
                        "with allocation"),
               cl::value_desc("DIR"), cl::cat(category));
static cl::opt<std::string> report(
    "report",
    cl::desc("Write report.html, a page that shows where the bits went and "
             "why, here, and what it is made from: allocation.json, "
             "losses.json (what every block of columns would lose at every "
             "width) and stages.json (time and memory)"),
    cl::value_desc("DIR"), cl::cat(category));
static cl::opt<bool> estimate(
    "estimate",
    cl::desc("Compress the first two layers, print how long all will take and "
             "how much memory, and leave nothing"),
    cl::cat(category));
static cl::opt<bool> timing("timing",
                            cl::desc("Print time and memory of each stage"),
                            cl::cat(category));
static cl::opt<std::string>
    summary("summary",
            cl::desc("Print the allocation of a compiled model and exit"),
            cl::value_desc("DIR|NAME.picollm"), cl::cat(category));
static cl::opt<unsigned> threads("j", cl::Prefix,
                                 cl::desc("Threads; default: one per core"),
                                 cl::value_desc("N"), cl::cat(category));
static cl::opt<bool> quiet("quiet", cl::desc("No progress"), cl::cat(category));

static cl::extrahelp examples(R"(
Examples:
  picollm-compile SmolLM2.gguf --bits=4.5 -o smol     host's CPU, smol/libsmol.so
  picollm-compile SmolLM2.gguf --size=60M -o smol     by size of the weight file
  picollm-compile SmolLM2.gguf --bits=3 --calibration=my-texts -o smol
  picollm-compile SmolLM2.gguf --bits=3 --task=questions.jsonl -o smol
  picollm-compile Llama-2-7B.gguf --bits=3 --calibration=my-texts --estimate
  picollm-compile SmolLM2-135M --bits=4.5 -o smol     a Hugging Face folder
  picollm-compile SmolLM2.gguf --scheme=gptq --bits=3 -o smol3     to compare with
  picollm-compile SmolLM2.gguf --scheme=none -target=x86-64-v3 -o smol16
  picollm-compile SmolLM2.gguf --bundle -o smol       one file to ship: smol/libsmol.so
  picollm-compile SmolLM2.gguf --bits=3 -o smol.picollm     compress once, then
  picollm-compile smol.picollm -target=aarch64 -o smol-arm  compile in seconds
  picollm-run smol "The capital of France is"

A compression that was killed goes on where it stopped when the same command is
given again.
)");

/// Options that the stages up to pack read.
static cl::Option *const compressionOptions[] = {
    &bits, &sizeBudget,   &allocation, &scheme, &calibration, &calibrationTexts,
    &task, &chatTemplate, &effort,     &tune,   &tuneSteps};

/// "60M" -> 60000000; negative where it is not a size.
static int64_t parseSize(StringRef text) {
  int64_t unit = 1;
  if (text.consume_back_insensitive("k"))
    unit = 1000;
  else if (text.consume_back_insensitive("m"))
    unit = 1000 * 1000;
  else if (text.consume_back_insensitive("g"))
    unit = 1000 * 1000 * 1000;
  double number;
  if (text.getAsDouble(number) || !(number > 0) || number * unit > 1e18)
    return -1;
  return static_cast<int64_t>(number * unit);
}

static Error error(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "%s",
                           message.str().c_str());
}

namespace {
struct Scheme {
  enum Budget { File, Width, None };
  StringRef name;
  Budget budget;     ///< of the whole file, one width for all linear layers, or
                     ///< none
  StringRef refusal; ///< why it takes no choices of compression; or it does
};
} // namespace

static constexpr Scheme schemes[] = {
    {"pico", Scheme::File, ""},
    {"gptq", Scheme::Width, "is compared as published"},
    {"rtn", Scheme::Width, "is compared as published"},
    {"none", Scheme::None, "keeps 16 bits"},
    {"random", Scheme::File, "looks at no weight"}};

static Expected<const Scheme *> findScheme() {
  for (const Scheme &known : schemes)
    if (known.name == scheme)
      return &known;
  auto names = map_range(schemes, [](const Scheme &s) { return s.name; });
  return error("unknown --scheme '" + scheme +
               "'; there are: " + join(names.begin(), names.end(), ", "));
}

static Error refuse(const Scheme &scheme, ArrayRef<cl::Option *> options) {
  for (cl::Option *option : options)
    if (option->getNumOccurrences())
      return error("--scheme=" + scheme.name + " " + scheme.refusal +
                   " and takes no --" + option->ArgStr +
                   "; leave it away or use --scheme=pico");
  return Error::success();
}

static Error fillCalibration(picollm::CompileOptions &options) {
  if (calibrationTexts.getNumOccurrences() && calibrationTexts == 0)
    return error("--calibration-texts=0 leaves nothing to calibrate on");
  if (task.empty())
    return error("--task= names nothing; expected perplexity or a file of "
                 "items");
  options.calibration = calibration;
  options.calibrationTexts = calibrationTexts;
  if (task == textTask)
    return Error::success();
  if (!sys::fs::exists(task))
    return error("--task=" + task + ": there is no such file; expected " +
                 textTask + " or a file of items");
  options.task = task;
  return Error::success();
}

static Error fillTuning(picollm::CompileOptions &options) {
  if (tune.getNumOccurrences() && tuneSteps.getNumOccurrences())
    return error("--tune and --tune-steps exclude each other");
  if (tune.getNumOccurrences() && !(tune > 0 && tune < 1e6))
    return error("--tune takes a positive number of minutes");
  options.effort = effort;
  options.tuneMinutes = tune;
  options.tuneSteps = tuneSteps;
  return Error::success();
}

static Error fillWidth(picollm::CompileOptions &options) {
  if (sizeBudget.getNumOccurrences() || allocation.getNumOccurrences())
    return error("--scheme=" + scheme +
                 " has one width for all linear layers and takes no --" +
                 (sizeBudget.getNumOccurrences() ? "size" : "allocation") +
                 "; give --bits=1 to 8");
  options.bits = bits.getNumOccurrences() ? double(bits) : 4;
  if (!(*options.bits >= 1 && *options.bits <= 8 &&
        *options.bits == static_cast<int>(*options.bits)))
    return error("--scheme=" + scheme +
                 " has one width for all linear layers: --bits takes a whole "
                 "number from 1 to 8, not " +
                 formatv("{0:F3}", *options.bits).str());
  return Error::success();
}

/// The budget and its source.
static Error fillCompression(picollm::CompileOptions &options) {
  if (picollm::isPackFile(model)) {
    for (cl::Option *option : compressionOptions)
      if (option->getNumOccurrences())
        return error(model + ": is compressed already and takes no --" +
                     option->ArgStr + "; give the model that it was made from");
    return Error::success();
  }
  if (bits.getNumOccurrences() + sizeBudget.getNumOccurrences() +
          allocation.getNumOccurrences() >
      1)
    return error("--bits, --size and --allocation exclude each other");
  auto found = findScheme();
  if (!found)
    return found.takeError();
  const Scheme &chosen = **found;
  if (!chosen.refusal.empty()) {
    SmallVector<cl::Option *> refused = {&tune, &tuneSteps, &effort};
    if (task != textTask)
      refused.push_back(&task);
    if (chosen.budget == Scheme::None)
      refused.append({&bits, &sizeBudget, &allocation});
    if (Error problem = refuse(chosen, refused))
      return problem;
  }
  if (chosen.budget == Scheme::Width) {
    if (Error problem = fillWidth(options))
      return problem;
  } else if (sizeBudget.getNumOccurrences()) {
    options.size = parseSize(sizeBudget);
    if (*options.size < 0)
      return error("--size=" + sizeBudget +
                   " is not a size; expected a number and K, M or G");
  } else if (chosen.budget == Scheme::File && allocation.empty()) {
    options.bits = bits.getNumOccurrences() ? double(bits) : 4.5;
  }
  options.allocation = allocation;
  options.scheme = scheme;
  options.chatTemplate = chatTemplate;
  if (Error problem = fillCalibration(options))
    return problem;
  return fillTuning(options);
}

static Error fillOptions(picollm::CompileOptions &options) {
  if (model.empty())
    return error("no model given; picollm-compile --help shows how to call it");
  if (estimate && output.empty()) {
    SmallString<128> temporary;
    sys::path::system_temp_directory(/*ErasedOnReboot=*/true, temporary);
    sys::path::append(temporary, "picollm-estimate");
    output = temporary.str().str();
  }
  if (output.empty())
    return error("no output folder given; add -o DIR");
  if (Error problem = fillCompression(options))
    return problem;
  if (bundle && compileTo != Stage::Library)
    return error("--bundle makes a library; leave --compile-to away");
  if (!bundle && !runtime.empty())
    return error("--runtime is for --bundle; add that, or leave it away");
  options.bundle = bundle;
  options.runtime = runtime;
  options.model = model;
  options.output = output;
  options.name = name;
  options.target = target;
  options.cpu = cpu;
  options.features = features;
  options.schedule = schedule;
  options.kvCache = kvCache;
  options.saveStages = saveStages;
  options.report = report;
  options.timing = timing;
  options.estimate = estimate;
  options.compileTo = compileTo;
  if (StringRef(output).ends_with(picollm::packExtension) &&
      !compileTo.getNumOccurrences())
    options.compileTo = Stage::Pack;
  return Error::success();
}

/// As a POSIX shell takes it.
static std::string quoteForShell(StringRef word) {
  const char *plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                      "0123456789-_=./,:+@%";
  if (!word.empty() && word.find_first_not_of(plain) == StringRef::npos)
    return word.str();
  std::string quoted = "'";
  for (char c : word)
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

/// The options of MLIR for developers of passes; --help-hidden shows them.
static void registerDeveloperOptions() {
  // By whose names --mlir-print-ir-before and -after go.
  mlir::registerCanonicalizerPass();
  picollm::registerPassesAndPipelines();
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  mlir::registerPassManagerCLOptions();
  mlir::registerDefaultTimingManagerCLOptions();
}

/// --help shows the options of the category, --help-hidden MLIR's too.
static void arrangeHelp() {
  cl::HideUnrelatedOptions(category);
  for (auto &option : cl::getRegisteredOptions())
    if (option.first.starts_with("mlir-"))
      option.second->setHiddenFlag(cl::Hidden);
}

int main(int argc, char **argv) {
  InitLLVM initialise(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  picollm::prepareSignals();
  registerDeveloperOptions();
  arrangeHelp();
  cl::ParseCommandLineOptions(
      argc, argv,
      "picollm-compile: compresses a language model to mixed bits and compiles "
      "it\nahead of time into a shared library with a C header\n");
  picollm::setThreadCount(threads);
  if (quiet)
    picollm::Progress::disable();

  Error result = Error::success();
  if (!summary.empty()) {
    result = joinErrors(std::move(result), picollm::printSummary(summary));
  } else {
    picollm::CompileOptions options;
    result = joinErrors(std::move(result), fillOptions(options));
    options.command = "picollm-compile";
    for (int i = 1; i < argc; ++i)
      options.command += ' ' + quoteForShell(argv[i]);
    if (!result)
      result = picollm::compileModel(options);
  }
  result = picollm::flushStdout(std::move(result));
  if (result) {
    WithColor::error(errs(), "picollm-compile")
        << toString(std::move(result)) << '\n';
    return 1;
  }
  return 0;
}
