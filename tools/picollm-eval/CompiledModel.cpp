//===- CompiledModel.cpp - a compiled model by the runtime's C API --------===//

#include "LanguageModel.h"
#include "picollm.h"
#include "picollm/Support/Parallel.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace picollm;
using llvm::Error;
using llvm::Expected;
namespace fs = llvm::sys::fs;

/// Bytes of the files of a folder with that extension; -1 where there is none.
static int64_t bytesOfFiles(llvm::StringRef folder, llvm::StringRef extension) {
  int64_t sum = -1;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; it != end && !code;
       it.increment(code)) {
    uint64_t size = 0;
    if (llvm::sys::path::extension(it->path()) == extension &&
        !fs::file_size(it->path(), size))
      sum = std::max<int64_t>(sum, 0) + int64_t(size);
  }
  return sum;
}

bool picollm::isCompiledModel(llvm::StringRef path) {
  return bytesOfFiles(path, ".weights") >= 0;
}

int64_t picollm::weightBytes(llvm::StringRef path) {
  uint64_t size = 0;
  if (!fs::is_directory(path))
    return fs::file_size(path, size) ? 0 : int64_t(size);
  for (const char *extension : {".weights", ".safetensors"})
    if (int64_t bytes = bytesOfFiles(path, extension); bytes >= 0)
      return bytes;
  return 0;
}

namespace {
class CompiledModel : public LanguageModel {
public:
  explicit CompiledModel(Path path) : path(path) {}
  ~CompiledModel() override {
    picollm_session_free(session);
    picollm_model_free(model);
  }

  Error load(llvm::StringRef directory, int64_t context);
  Expected<std::vector<int32_t>> tokenize(llvm::StringRef text) override;
  int64_t contextLength() const override { return positions; }
  Error run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
            LogitsVisitor visit) override;

private:
  Path path;
  int64_t positions = 0;
  picollm_model *model = nullptr;
  picollm_session *session = nullptr;
};
} // namespace

static Error toError(picollm_status status, const picollm_error &error) {
  if (status == PICOLLM_OK)
    return Error::success();
  return llvm::createStringError(error.message);
}

Error CompiledModel::load(llvm::StringRef directory, int64_t context) {
  picollm_error error;
  picollm_status status =
      picollm_model_load(directory.str().c_str(), nullptr, &model, &error);
  if (status != PICOLLM_OK)
    return toError(status, error);
  picollm_session_options options{};
  positions = std::min(context, picollm_model_context(model));
  options.context_length = positions;
  options.threads = getThreadCount();
  return toError(picollm_session_create(model, &options, &session, &error),
                 error);
}

Expected<std::vector<int32_t>> CompiledModel::tokenize(llvm::StringRef text) {
  picollm_error error;
  std::vector<int32_t> tokens(text.size() + 2);
  size_t count = 0;
  picollm_status status = picollm_tokenize(
      model, text.data(), text.size(), /*parse_special=*/0, /*add_bos=*/1,
      tokens.data(), tokens.size(), &count, &error);
  if (status != PICOLLM_OK)
    return toError(status, error);
  tokens.resize(std::min(count, tokens.size()));
  return tokens;
}

Error CompiledModel::run(llvm::ArrayRef<int32_t> tokens, int64_t firstWanted,
                         LogitsVisitor visit) {
  picollm_session_reset(session);
  int64_t count = tokens.size();
  int64_t piece = path == Path::Decode ? 1 : count;
  int64_t vocabulary = picollm_model_vocabulary(model);
  for (int64_t first = 0; first < count; first += piece) {
    int64_t skipped = std::clamp<int64_t>(firstWanted - first, 0, piece);
    Matrix rows(piece - skipped, vocabulary);
    picollm_error error;
    picollm_status status =
        picollm_forward(session, tokens.data() + first, piece, skipped,
                        rows.data.data(), &error);
    if (status != PICOLLM_OK)
      return toError(status, error);
    if (rows.rows)
      if (Error failure = visit(first + skipped, rows))
        return failure;
  }
  return Error::success();
}

Expected<std::unique_ptr<LanguageModel>>
picollm::loadCompiledModel(llvm::StringRef directory, Path path,
                           int64_t context) {
  auto model = std::make_unique<CompiledModel>(path);
  if (Error error = model->load(directory, context))
    return std::move(error);
  return model;
}
