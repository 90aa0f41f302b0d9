//===- CompiledStepTest.cpp - a whole step against the interpreter --------===//
//
// A random model of two layers at the step level, compiled with its attention
// object to a shared library, and run by several threads; once with a KV cache
// of binary16, once with one of codes.
//
//===----------------------------------------------------------------------===//

#include "../Packing/RandomMatrix.h"
#include "CompiledModule.h"

#include "PicoLLM/Step/Step.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "picollm/Attention/AttentionKernels.h"
#include "picollm/Conversion/Passes.h"
#include "picollm/Import/WeightReader.h"
#include "picollm/Layout/EncodedActivation.h"
#include "picollm/Layout/Levels.h"
#include "picollm/Packing/WeightFile.h"
#include "picollm/Reference/ReferenceModel.h"
#include "picollm/Target/Target.h"
#include "picollm/Transforms/Passes.h"
#include "picollm/abi.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "gtest/gtest.h"
#include <cmath>
#include <condition_variable>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

using namespace picollm;

namespace {

constexpr int64_t vocabulary = 50, embedding = 32, heads = 4, kvHeads = 2,
                  headSize = 8, feedForward = 40, layers = 2, context = 2200;

std::string take(llvm::Error error) {
  return error ? llvm::toString(std::move(error)) : std::string();
}

/// Weights in a file and the step program over them, as text.
class TinyStep {
public:
  TinyStep(const std::string &path, KVCacheType cache)
      : path(path), cache(cache) {
    auto created = WeightFileWriter::create(path);
    EXPECT_TRUE(static_cast<bool>(created));
    writer = std::move(*created);
    build();
    auto finished = writer->finish();
    EXPECT_TRUE(static_cast<bool>(finished)) << take(finished.takeError());
    identity = *finished;
  }

  std::string text() const {
    return "module attributes {picollm.config = #picollm.config<name = "
           "\"tiny step\", architecture = \"llama\", vocabulary = 50, "
           "context_length = 2200, layers = 2, embedding = 32, heads = 4, "
           "kv_heads = 2, head_size = 8>, picollm.build_id = \"" +
           llvm::toHex(identity.buildId, true) +
           "\", picollm.weights_bytes = " + std::to_string(identity.fileBytes) +
           " : i64} {\n" + symbols +
           "picollm_step.program @step(%tokens: memref<?xi32>, %logits: "
           "memref<?x50xf32>) {\n" +
           body + "}\n}\n";
  }

  WeightFileIdentity identity;

private:
  std::string reference(int64_t offset, int64_t size, const char *encoding) {
    return " <file = \"" + path + "\", offset = " + std::to_string(offset) +
           ", size = " + std::to_string(size) + ", encoding = \"" + encoding +
           "\", hash = \"\">";
  }

  /// A random matrix with scales that keep results near one; its panels are
  /// of one source or of one each.
  std::string matrix(const std::string &name, const MatrixLayout &layout,
                     bool oneSource = false) {
    QuantizedMatrix matrix = randomMatrix(layout, ++seed);
    for (size_t p = 0; p < layout.panels.size(); ++p)
      for (size_t s = 0; s < layout.panels[p].segments.size(); ++s) {
        int64_t bits = layout.panels[p].segments[s].bits;
        matrix.panels[p].segmentScales[s] =
            0.2f / (bits == 0 || bits == 16 ? 1 : float(topLevel(bits)));
      }
    auto offset = writer->appendMatrix(matrix);
    EXPECT_TRUE(static_cast<bool>(offset));
    std::string type = std::to_string(layout.columns), sources;
    for (const Panel &panel : layout.panels) {
      type += ", [" + std::to_string(panel.rows) + ":";
      for (size_t s = 0; s < panel.segments.size(); ++s)
        type += (s ? ", " : " ") + std::to_string(panel.segments[s].bits) +
                "x" + std::to_string(panel.segments[s].columns);
      type += "]";
      sources += (sources.empty() ? "\"" : ", \"") + name +
                 (oneSource ? "" : std::to_string(sources.size())) + "\"";
    }
    symbols += "picollm_layout.weight @" + name + " : !picollm_layout.matrix<" +
               type + ">" + reference(*offset, matrixBytes(layout), "packed") +
               " sources [" + sources + "]\n";
    return bytes(encodedActivationBytes(layout));
  }

  void norm(const std::string &name) {
    std::vector<float> values(embedding);
    for (int64_t i = 0; i < embedding; ++i)
      values[i] = 0.5f + float(i % 5) / 4;
    auto offset = writer->appendFloats(values);
    EXPECT_TRUE(static_cast<bool>(offset));
    symbols += "picollm.weight @" + name + " : tensor<32xf32>" +
               reference(*offset, 4 * embedding, "f32") + "\n";
  }

  static std::string floats(int64_t columns) {
    return "memref<?x" + std::to_string(columns) + "xf32>";
  }
  static std::string bytes(int64_t count) {
    return "memref<?x" + std::to_string(count) + "xi8>";
  }
  void buffer(const std::string &name, const std::string &type) {
    body += "%" + name + " = picollm_step.buffer : " + type + "\n";
  }
  void op(const std::string &text) { body += "picollm_step." + text + "\n"; }

  void build();
  void layer(const std::string &l);

  std::string path, symbols, body;
  KVCacheType cache;
  std::unique_ptr<WeightFileWriter> writer;
  unsigned seed = 0;
};

void TinyStep::build() {
  // Tied: looked up and the head.
  std::string own =
      matrix("embd", {32, {{20, {{8, 32}}}, {30, {{6, 16}, {3, 16}}}}},
             /*oneSource=*/true);
  norm("last_norm");
  buffer("angles", floats(headSize));
  op("rotation <frequencies = [1.0, 0.3, 0.09, 0.027], scale = 1.0 : f64> into "
     "%angles : " +
     floats(headSize));
  buffer("x", floats(embedding));
  op("embedding @embd(%tokens) into %x : memref<?xi32>, " + floats(embedding));
  for (int64_t i = 0; i < layers; ++i)
    layer(std::to_string(i));
  buffer("head", own);
  op("encode wanted %x for @embd norm @last_norm epsilon 1.0e-05 into "
     "%head : " +
     floats(embedding) + ", " + own);
  op("linear store wanted %head, @embd into %logits : " + own + ", " +
     floats(vocabulary));
}

void TinyStep::layer(const std::string &l) {
  norm("attn_norm" + l);
  norm("ffn_norm" + l);
  std::string in = matrix("qkv" + l, {32,
                                      {{32, {{16, 8}, {4, 24}}},
                                       {16, {{3, 32}}},
                                       {16, {{7, 8}, {2, 16}, {0, 8}}}}});
  buffer("e" + l, in);
  op("encode %x for @qkv" + l + " norm @attn_norm" + l +
     " epsilon 1.0e-05 into %e" + l + " : " + floats(32) + ", " + in);
  buffer("q" + l, floats(32));
  buffer("k" + l, floats(16));
  buffer("v" + l, floats(16));
  op("linear store %e" + l + ", @qkv" + l + " into %q" + l + ", %k" + l +
     ", %v" + l + " : " + in + ", " + floats(32) + ", " + floats(16) + ", " +
     floats(16));
  buffer("a" + l, floats(32));
  op("attention %q" + l + ", %k" + l + ", %v" + l + " angles %angles layer " +
     l + " heads 4 kv_heads 2 scale 0.35" +
     (cache == KVCacheType::I8 ? " cache i8" : "") + " into %a" + l + " : " +
     floats(32) + ", " + floats(16) + ", " + floats(16) + ", " + floats(8) +
     ", " + floats(32));
  std::string attended = matrix("o" + l, {32, {{32, {{4, 32}}}}});
  buffer("ea" + l, attended);
  op("encode %a" + l + " for @o" + l + " into %ea" + l + " : " + floats(32) +
     ", " + attended);
  op("linear add %ea" + l + ", @o" + l + " into %x : " + attended + ", " +
     floats(32));
  std::string gated = matrix(
      "up" + l, {32, {{feedForward, {{4, 32}}}, {feedForward, {{2, 32}}}}});
  buffer("g" + l, gated);
  op("encode %x for @up" + l + " norm @ffn_norm" + l +
     " epsilon 1.0e-05 into %g" + l + " : " + floats(32) + ", " + gated);
  buffer("m" + l, floats(feedForward));
  op("linear silu %g" + l + ", @up" + l + " into %m" + l + " : " + gated +
     ", " + floats(feedForward));
  std::string down = matrix("down" + l, {40, {{32, {{8, 8}, {3, 32}}}}});
  buffer("d" + l, down);
  op("encode %m" + l + " for @down" + l + " into %d" + l + " : " +
     floats(feedForward) + ", " + down);
  op("linear add %d" + l + ", @down" + l + " into %x : " + down + ", " +
     floats(32));
}

/// Returns once `count` threads have arrived.
class Barrier {
public:
  explicit Barrier(int count) : count(count) {}
  static void wait(void *self) { static_cast<Barrier *>(self)->arrive(); }

private:
  void arrive() {
    std::unique_lock<std::mutex> lock(mutex);
    int64_t phase = phases;
    if (++arrived == count) {
      arrived = 0;
      ++phases;
      changed.notify_all();
      return;
    }
    changed.wait(lock, [&] { return phases != phase; });
  }
  int count, arrived = 0;
  int64_t phases = 0;
  std::mutex mutex;
  std::condition_variable changed;
};

/// The model with one type of KV cache, compiled.
class CompiledTinyStep {
public:
  explicit CompiledTinyStep(KVCacheType cache)
      : folder(makeFolder()), cache(cache),
        tiny(folder + "/tiny.weights", cache) {
    compile();
  }
  ~CompiledTinyStep() {
    if (library)
      dlclose(library);
    llvm::sys::fs::remove_directories(folder);
  }

  mlir::OwningOpRef<mlir::ModuleOp> parse(mlir::MLIRContext &context) const {
    context.loadDialect<model::ModelDialect, layout::LayoutDialect,
                        step::StepDialect, mlir::func::FuncDialect,
                        mlir::memref::MemRefDialect>();
    return mlir::parseSourceString<mlir::ModuleOp>(tiny.text(), &context);
  }

  const std::string folder;
  const KVCacheType cache;
  const TinyStep tiny;
  llvm::SmallVector<InstructionSet> instructionSets; ///< of the variants
  const picollm_compiled_model *model = nullptr;     ///< null: failed

private:
  static std::string makeFolder() {
    llvm::SmallString<128> name;
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("picollm-step", name));
    return name.str().str();
  }
  void compile();

  void *library = nullptr;
};

void CompiledTinyStep::compile() {
  mlir::MLIRContext context;
  auto module = parse(context);
  ASSERT_TRUE(module);
  auto target = parseTarget("host,x86-64");
  if (!target) {
    llvm::consumeError(target.takeError());
    target = parseTarget("host");
  }
  ASSERT_TRUE(static_cast<bool>(target)) << take(target.takeError());
  mlir::PassManager manager(&context);
  manager.addPass(createInsertBarriers());
  manager.addPass(createAssignBuffers());
  ConvertStepToLLVMOptions options;
  options.triple = target->triple;
  std::vector<std::string> objects;
  llvm::append_range(instructionSets, target->instructionSets);
  for (InstructionSet isa : target->instructionSets) {
    options.instructionSets.push_back(nameOf(isa).str());
    auto object = buildAttention(
        {headSize, heads / kvHeads, 0, cache},
        {target->triple, target->requiredFeatures(isa)}, {"", folder});
    ASSERT_TRUE(static_cast<bool>(object)) << take(object.takeError());
    objects.push_back(*object);
  }
  manager.addPass(createConvertStepToLLVM(options));
  ASSERT_TRUE(mlir::succeeded(manager.run(*module)));
  objects.push_back(folder + "/step.o");
  ASSERT_EQ(take(emitObject(*module, *target, objects.back())), "");
  std::string symbol = modelSymbol("tiny step");
  EXPECT_EQ(symbol, "picollm_tiny_step_model");
  std::string path = folder + "/libtiny.so";
  ASSERT_EQ(take(linkSharedLibrary(objects, {symbol}, path)), "");
  library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  auto get =
      reinterpret_cast<picollm_model_function>(dlsym(library, symbol.c_str()));
  ASSERT_NE(get, nullptr);
  model = get();
}

class CompiledStep : public testing::TestWithParam<KVCacheType> {
protected:
  static void TearDownTestSuite() { compiled.clear(); }

  void SetUp() override {
    std::unique_ptr<CompiledTinyStep> &step = compiled[GetParam()];
    if (!step)
      step = std::make_unique<CompiledTinyStep>(GetParam());
    tiny = step.get();
    model = step->model;
    ASSERT_NE(model, nullptr);
  }

  /// One session: a KV cache that steps fill.
  struct Session {
    Session(const CompiledTinyStep &step, int64_t variant,
            int64_t room = context)
        : model(step.model), variant(model->variants[variant]), room(room),
          kv(model->kv_bytes(room), 0x7f),
          weights(step.tiny.identity.fileBytes) {
      std::string path = step.folder + "/tiny.weights";
      FILE *file = std::fopen(path.c_str(), "rb");
      EXPECT_EQ(std::fread(weights.data(), 1, weights.size(), file),
                weights.size());
      std::fclose(file);
    }

    std::vector<float> feed(const std::vector<int32_t> &tokens,
                            int64_t logitsBegin, int threads) {
      return feedTogether({this}, {tokens}, logitsBegin, tokens.size(),
                          threads);
    }

    /// To each session its tokens, as a part of a call of `callTokens`.
    static std::vector<float>
    feedTogether(const std::vector<Session *> &sessions,
                 const std::vector<std::vector<int32_t>> &tokensOf,
                 int64_t logitsBegin, int64_t callTokens, int threads) {
      std::vector<picollm_step_sequence> sequences;
      std::vector<int32_t> tokens;
      for (size_t i = 0; i < sessions.size(); ++i) {
        sequences.push_back({sessions[i]->kv.data(), sessions[i]->room,
                             sessions[i]->position, int64_t(tokens.size()),
                             int64_t(tokensOf[i].size())});
        tokens.insert(tokens.end(), tokensOf[i].begin(), tokensOf[i].end());
        sessions[i]->position += tokensOf[i].size();
      }
      const auto *model = sessions[0]->model;
      auto &weights = sessions[0]->weights;
      int64_t count = tokens.size();
      AlignedBuffer<uint8_t> scratch(model->scratch_bytes(count, threads),
                                     0xff);
      std::vector<float> logits((count - logitsBegin) * vocabulary, NAN);
      Barrier barrier(threads);
      picollm_step_arguments arguments = {weights.data(),
                                          sequences.data(),
                                          int64_t(sequences.size()),
                                          scratch.data(),
                                          tokens.data(),
                                          logits.data(),
                                          count,
                                          logitsBegin,
                                          callTokens,
                                          callTokens - logitsBegin,
                                          &barrier,
                                          Barrier::wait};
      std::vector<std::thread> pool;
      for (int t = 0; t < threads; ++t)
        pool.emplace_back(
            [&, t] { sessions[0]->variant.step(&arguments, t, threads); });
      for (std::thread &thread : pool)
        thread.join();
      return logits;
    }

    const picollm_compiled_model *model;
    const picollm_variant &variant;
    int64_t room; ///< positions of the KV cache
    std::vector<uint8_t> kv;
    AlignedBuffer<uint8_t> weights;
    int64_t position = 0;
  };

  /// Of logits, as a share of the largest. Rounding differences tip a few codes
  /// of the cache to their neighbours.
  static float tolerance() {
    return GetParam() == KVCacheType::I8 ? 1.5e-2f : 2e-3f;
  }

  static std::vector<int32_t> prompt(int64_t count) {
    std::vector<int32_t> tokens(count);
    for (int64_t i = 0; i < count; ++i)
      tokens[i] = (7 * i * i + 3 * i + 11) % vocabulary;
    return tokens;
  }

  static std::map<KVCacheType, std::unique_ptr<CompiledTinyStep>> compiled;
  const CompiledTinyStep *tiny = nullptr;
  const picollm_compiled_model *model = nullptr;
};

std::map<KVCacheType, std::unique_ptr<CompiledTinyStep>> CompiledStep::compiled;

TEST_P(CompiledStep, ModelStructDescribesTheModel) {
  EXPECT_EQ(model->abi_version, uint32_t(PICOLLM_ABI_VERSION));
  EXPECT_EQ(model->struct_bytes, sizeof(picollm_compiled_model));
  EXPECT_STREQ(model->name, "tiny step");
  EXPECT_STREQ(model->architecture, "llama");
  EXPECT_EQ(
      std::memcmp(model->build_id, tiny->tiny.identity.buildId.data(), 16), 0);
  EXPECT_EQ(model->weights_bytes, uint64_t(tiny->tiny.identity.fileBytes));
  EXPECT_EQ(model->vocabulary, vocabulary);
  EXPECT_EQ(model->context, context);
  EXPECT_EQ(model->layers, layers);
  EXPECT_EQ(model->embedding, embedding);
  EXPECT_EQ(model->kv_heads, kvHeads);
  EXPECT_EQ(model->head_size, headSize);
  EXPECT_EQ(model->kv_bytes(100), uint64_t(2 * layers * kvHeads * 112 *
                                           kvRowBytes(GetParam(), headSize)));
  EXPECT_GT(model->scratch_bytes(1, 1), 0u);
  EXPECT_GT(model->scratch_bytes(1, 2), model->scratch_bytes(1, 1));
  EXPECT_STREQ(model->variants[model->variant_count - 1].cpu_features, "");
}

TEST_P(CompiledStep, LogitsAreThoseOfTheInterpreter) {
  mlir::MLIRContext context;
  auto module = tiny->parse(context);
  WeightReader reader;
  auto interpreter = ReferenceModel::create(*module, reader);
  ASSERT_TRUE(static_cast<bool>(interpreter)) << take(interpreter.takeError());
  std::vector<int32_t> tokens = prompt(90);
  auto expected = (*interpreter)->logits(tokens, 0);
  ASSERT_TRUE(static_cast<bool>(expected)) << take(expected.takeError());
  float largest = 0;
  for (float value : expected->data)
    largest = std::max(largest, std::fabs(value));
  ASSERT_GT(largest, 0.01f);
  for (int64_t v = 0; v < model->variant_count; ++v) {
    Session session(*tiny, v);
    auto logits = session.feed(tokens, 0, 1);
    for (size_t i = 0; i < logits.size(); ++i)
      ASSERT_NEAR(logits[i], expected->data[i], tolerance() * largest)
          << "token " << i / vocabulary << " variant " << v;
  }
}

TEST_P(CompiledStep, ThreadsDoNotChangeABit) {
  std::vector<int32_t> tokens = prompt(90);
  for (int64_t v = 0; v < model->variant_count; ++v) {
    std::vector<float> first, next;
    for (int threads : {1, 2, 3}) {
      Session session(*tiny, v);
      auto logits = session.feed(tokens, 85, threads);
      auto decoded = session.feed({7}, 0, threads);
      if (threads == 1) {
        first = logits, next = decoded;
        continue;
      }
      EXPECT_EQ(std::memcmp(first.data(), logits.data(), 4 * first.size()), 0);
      EXPECT_EQ(std::memcmp(next.data(), decoded.data(), 4 * next.size()), 0);
    }
  }
}

// A context that is divided into parts: three of them, the last one short.
TEST_P(CompiledStep, LongContextsAreThoseOfTheInterpreterForAnyThreads) {
  constexpr int64_t length = 2 * kAttentionPartPositions + 70;
  std::vector<int32_t> tokens = prompt(length);
  mlir::MLIRContext context;
  auto module = tiny->parse(context);
  WeightReader reader;
  auto interpreter = ReferenceModel::create(*module, reader);
  ASSERT_TRUE(static_cast<bool>(interpreter)) << take(interpreter.takeError());
  Sequence sequence;
  llvm::ArrayRef<int32_t> ids(tokens);
  Feed prompt{&sequence, ids.drop_back(), length - 1};
  auto none = (*interpreter)->forward(prompt);
  ASSERT_TRUE(static_cast<bool>(none)) << take(none.takeError());
  Feed last{&sequence, ids.take_back(1), 0};
  auto expected = (*interpreter)->forward(last);
  ASSERT_TRUE(static_cast<bool>(expected)) << take(expected.takeError());
  float largest = 0;
  for (float value : expected->data)
    largest = std::max(largest, std::fabs(value));
  std::vector<float> first;
  for (int threads : {1, 2, 5}) {
    Session session(*tiny, 0);
    session.feed({tokens.begin(), tokens.end() - 1}, length - 1, threads);
    auto logits = session.feed({tokens.back()}, 0, threads);
    for (int64_t i = 0; i < vocabulary; ++i)
      ASSERT_NEAR(logits[i], expected->data[i], tolerance() * largest)
          << "logit " << i << " with " << threads << " threads";
    if (first.empty())
      first = logits;
    EXPECT_EQ(std::memcmp(first.data(), logits.data(), 4 * first.size()), 0);
  }
}

TEST_P(CompiledStep, TokenByTokenIsThePromptAtOnce) {
  // Many tokens have another noise of encoded activations than one.
  for (int64_t v = 0; v < model->variant_count; ++v) {
    const int64_t few = manyRowsOf(tiny->instructionSets[v]) - 1;
    for (auto [count, tolerance] :
         {std::pair<int64_t, double>(few, 2e-3), {40, 0.2}}) {
      std::vector<int32_t> tokens = prompt(count);
      Session whole(*tiny, v), single(*tiny, v);
      auto expected = whole.feed(tokens, 0, 1);
      for (size_t t = 0; t < tokens.size(); ++t) {
        auto logits = single.feed({tokens[t]}, 0, 2);
        for (int64_t i = 0; i < vocabulary; ++i)
          ASSERT_NEAR(logits[i], expected[t * vocabulary + i], tolerance)
              << "token " << t << " of " << count << " variant " << v;
      }
    }
  }
}

// One token, the rest of a prompt, a prompt of more than a block of attention,
// and one token after so many that its attention is divided into parts.
TEST_P(CompiledStep, SequencesOfOneStepAreThoseOfStepsOfTheirOwn) {
  const std::vector<int64_t> before = {5, 30, 0, kAttentionPartPositions + 3,
                                       0};
  const std::vector<int64_t> given = {1, 3, 70, 1, 1};
  constexpr int64_t total = 76;
  for (int64_t v = 0; v < model->variant_count; ++v)
    for (int threads : {1, 2, 3}) {
      std::vector<std::unique_ptr<Session>> alone, together;
      std::vector<Session *> sessions;
      std::vector<std::vector<int32_t>> tokens;
      std::vector<float> expected;
      for (size_t i = 0; i < before.size(); ++i) {
        const std::vector<int32_t> ids = prompt(before[i] + given[i]);
        const auto middle = ids.begin() + before[i];
        tokens.push_back({middle, ids.end()});
        for (auto *list : {&alone, &together}) {
          list->push_back(std::make_unique<Session>(
              *tiny, v, list == &alone ? context : ids.size() + 7 * i));
          if (before[i])
            list->back()->feed({ids.begin(), middle}, before[i], 1);
        }
        sessions.push_back(together.back().get());
        const std::vector<float> logits = Session::feedTogether(
            {alone.back().get()}, {tokens.back()}, 0, total, 1);
        expected.insert(expected.end(), logits.begin(), logits.end());
      }
      const std::vector<float> logits =
          Session::feedTogether(sessions, tokens, 0, total, threads);
      ASSERT_EQ(logits.size(), expected.size());
      EXPECT_EQ(std::memcmp(logits.data(), expected.data(), 4 * logits.size()),
                0)
          << "variant " << v << ", " << threads << " threads";
      // What they left in their caches counts for what follows.
      for (size_t i = 0; i < before.size(); ++i) {
        if (together[i]->position == together[i]->room)
          continue;
        EXPECT_EQ(together[i]->feed({9}, 0, 1), alone[i]->feed({9}, 0, 1))
            << "sequence " << i;
      }
    }
}

TEST_P(CompiledStep, NoLogitsWantedWritesNone) {
  Session session(*tiny, 0);
  EXPECT_TRUE(session.feed(prompt(3), 3, 2).empty());
}

INSTANTIATE_TEST_SUITE_P(Caches, CompiledStep,
                         testing::Values(KVCacheType::F16, KVCacheType::I8),
                         [](const auto &info) {
                           return info.param == KVCacheType::I8 ? "i8" : "f16";
                         });

} // namespace
