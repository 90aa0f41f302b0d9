//===- CompiledModel.cpp - compiles and runs models in tests --------------===//

#include "CompiledModel.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

using namespace picollm;
namespace fs = std::filesystem;

std::string picollm::readFile(const std::string &path) {
  std::ifstream stream(path, std::ios::binary);
  EXPECT_TRUE(stream) << path << " cannot be read";
  return {std::istreambuf_iterator<char>(stream), {}};
}

std::string picollm::testFolder() {
  const auto *test = testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(test->test_suite_name()) + "." + test->name();
  std::replace(name.begin(), name.end(), '/', '-');
  fs::path folder = fs::path(PICOLLM_BUILD_DIR) / "end-to-end" / name;
  fs::create_directories(folder);
  return folder.string();
}

bool picollm::runTool(const std::string &command, std::string *output) {
  std::string line = "\"" PICOLLM_BUILD_DIR "/bin/\"" + command;
  std::string file = testFolder() + "/output";
  int status = std::system((line + " >\"" + file + "\"").c_str());
  if (output)
    *output = readFile(file);
  return status == 0;
}

int32_t picollm::indexOfLargest(const float *numbers, int64_t count) {
  return static_cast<int32_t>(std::max_element(numbers, numbers + count) -
                              numbers);
}

CompiledModel::CompiledModel(const std::string &folder) {
  picollm_error error;
  picollm_model_options options = {};
  options.verify = 1;
  status = picollm_model_load(folder.c_str(), &options, &model, &error);
  if (status)
    model = nullptr;
  EXPECT_TRUE(status == PICOLLM_OK || status == PICOLLM_UNSUPPORTED_CPU)
      << error.message;
}

namespace {
/// A session as long as it is needed.
struct Session {
  Session(const picollm_model *model, size_t context, int32_t threads)
      : vocabulary(picollm_model_vocabulary(model)) {
    picollm_session_options options = {};
    options.context_length = static_cast<int64_t>(context);
    options.threads = threads;
    picollm_error error;
    EXPECT_EQ(picollm_session_create(model, &options, &session, &error),
              PICOLLM_OK)
        << error.message;
    if (session)
      EXPECT_EQ(picollm_session_threads(session), threads);
  }
  ~Session() { picollm_session_free(session); }

  /// Appends the logits of all these tokens.
  void forward(const int32_t *tokens, size_t count, Logits &logits) {
    logits.vocabulary = vocabulary;
    size_t old = logits.numbers.size();
    logits.numbers.resize(old + count * vocabulary);
    ASSERT_NE(session, nullptr);
    picollm_error error;
    ASSERT_EQ(picollm_forward(session, tokens, count, 0,
                              logits.numbers.data() + old, &error),
              PICOLLM_OK)
        << error.message;
  }

  picollm_session *session = nullptr;
  int64_t vocabulary;
};
} // namespace

Logits CompiledModel::prefill(const std::vector<int32_t> &tokens,
                              int32_t threads) const {
  Session session(model, tokens.size(), threads);
  Logits logits;
  session.forward(tokens.data(), tokens.size(), logits);
  return logits;
}

Logits CompiledModel::decode(const std::vector<int32_t> &tokens,
                             int32_t threads) const {
  Session session(model, tokens.size(), threads);
  Logits logits;
  for (int32_t token : tokens)
    session.forward(&token, 1, logits);
  return logits;
}

std::vector<int32_t>
CompiledModel::continueGreedily(const std::vector<int32_t> &prompt,
                                size_t count) const {
  Session session(model, prompt.size() + count, /*threads=*/2);
  std::vector<int32_t> next = prompt, found;
  while (found.size() < count) {
    Logits logits;
    session.forward(next.data(), next.size(), logits);
    found.push_back(
        indexOfLargest(logits.row(logits.rows() - 1), logits.vocabulary));
    next = {found.back()};
  }
  return found;
}

std::vector<int32_t> CompiledModel::tokenize(const std::string &text,
                                             size_t count) const {
  std::vector<int32_t> tokens(count);
  size_t found = 0;
  picollm_error error;
  EXPECT_EQ(picollm_tokenize(model, text.data(), text.size(),
                             /*parse_special=*/0, /*add_bos=*/1, tokens.data(),
                             count, &found, &error),
            PICOLLM_OK)
      << error.message;
  EXPECT_GE(found, count) << text;
  return tokens;
}
