// The C functions of models and text; those of sessions are in CApiSession.cpp.
#include "CApi.h"

#include <algorithm>
#include <cstring>
#include <memory>

using namespace picollm::runtime;

picollm_status picollm::runtime::report(const Failure &failure,
                                        picollm_error *error) {
  if (failure && error) {
    error->code = failure.status;
    size_t length = std::min(failure.message.size(), sizeof error->message - 1);
    // Cut before a UTF-8 sequence, not inside one.
    if (length < failure.message.size())
      while (length > 0 && (uint8_t(failure.message[length]) & 0xc0) == 0x80)
        --length;
    std::memcpy(error->message, failure.message.data(), length);
    error->message[length] = '\0';
  }
  return failure.status;
}

const char *picollm_status_string(int status) {
  switch (status) {
  case PICOLLM_OK:
    return "ok";
  case PICOLLM_INVALID_ARGUMENT:
    return "invalid argument";
  case PICOLLM_NOT_FOUND:
    return "not found";
  case PICOLLM_DAMAGED_FILE:
    return "damaged file";
  case PICOLLM_MISMATCH:
    return "mismatch";
  case PICOLLM_UNSUPPORTED_CPU:
    return "unsupported CPU";
  case PICOLLM_OUT_OF_MEMORY:
    return "out of memory";
  case PICOLLM_CONTEXT_FULL:
    return "context full";
  case PICOLLM_SYSTEM_ERROR:
    return "system error";
  case PICOLLM_BUSY:
    return "busy";
  default:
    return "unknown status";
  }
}

const char *picollm_end_string(int end) {
  switch (end) {
  case PICOLLM_END_OF_TEXT:
    return "end of text";
  case PICOLLM_END_TOKEN_LIMIT:
    return "token limit";
  case PICOLLM_END_CONTEXT_FULL:
    return "context full";
  case PICOLLM_END_STOP_STRING:
    return "stop string";
  case PICOLLM_END_INTERRUPTED:
    return "interrupted";
  default:
    return "unknown end";
  }
}

const char *picollm_version(void) { return PICOLLM_VERSION; }

// ---- Models ---------------------------------------------------------------

/// Common to both ways of getting a model.
template <typename Open>
static picollm_status makeModel(const picollm_model_options *options,
                                picollm_model **model, picollm_error *error,
                                Open open) {
  return guarded(error, [&]() -> Failure {
    if (!model)
      return isNull("model");
    auto made = std::make_unique<picollm_model>();
    if (Failure failure = open(*made))
      return failure;
    if (options && options->huge_pages)
      if (Failure failure = made->useHugePages())
        return failure;
    if (options && options->verify)
      if (Failure failure = made->verify())
        return failure;
    *model = made.release();
    return success();
  });
}

picollm_status picollm_model_load(const char *directory,
                                  const picollm_model_options *options,
                                  picollm_model **model, picollm_error *error) {
  return makeModel(options, model, error, [&](picollm_model &made) {
    return directory ? made.load(directory) : isNull("directory");
  });
}

picollm_status
picollm_model_load_compiled(const picollm_compiled_model *compiled,
                            const char *directory,
                            const picollm_model_options *options,
                            picollm_model **model, picollm_error *error) {
  return makeModel(options, model, error, [&](picollm_model &made) {
    if (!compiled || !directory)
      return isNull(compiled ? "directory" : "compiled");
    return made.loadFiles(compiled, directory);
  });
}

picollm_status
picollm_model_from_compiled(const picollm_compiled_model *compiled,
                            const void *weights, size_t weights_bytes,
                            const void *tokenizer, size_t tokenizer_bytes,
                            const picollm_model_options *options,
                            picollm_model **model, picollm_error *error) {
  return makeModel(options, model, error, [&](picollm_model &made) {
    if (!compiled || !weights)
      return isNull(compiled ? "weights" : "compiled");
    return made.bind(compiled, weights, weights_bytes, tokenizer,
                     tokenizer_bytes);
  });
}

void picollm_model_free(picollm_model *model) { delete model; }

picollm_status picollm_model_verify(const picollm_model *model,
                                    picollm_error *error) {
  return guarded(error,
                 [&] { return model ? model->verify() : isNull("model"); });
}

const char *picollm_model_name(const picollm_model *model) {
  return model->compiled->name;
}
const char *picollm_model_architecture(const picollm_model *model) {
  return model->compiled->architecture;
}
const char *picollm_model_cpu_features(const picollm_model *model) {
  return model->variant->cpu_features;
}
int64_t picollm_model_context(const picollm_model *model) {
  return model->compiled->context;
}
int64_t picollm_model_vocabulary(const picollm_model *model) {
  return model->compiled->vocabulary;
}
int64_t picollm_model_layers(const picollm_model *model) {
  return model->compiled->layers;
}
int64_t picollm_model_embedding(const picollm_model *model) {
  return model->compiled->embedding;
}
uint64_t picollm_model_weights_bytes(const picollm_model *model) {
  return model->weightsBytes;
}
uint64_t picollm_model_kv_bytes(const picollm_model *model, int64_t context) {
  const picollm_compiled_model &compiled = *model->compiled;
  return context < 1 || context > compiled.context ? 0
                                                   : compiled.kv_bytes(context);
}

// ---- Text and tokens ------------------------------------------------------

picollm_status picollm_tokenize(const picollm_model *model, const char *text,
                                size_t length, int parse_special, int add_bos,
                                int32_t *tokens, size_t capacity, size_t *count,
                                picollm_error *error) {
  return guarded(error, [&]() -> Failure {
    if (!model || !count)
      return isNull(model ? "count" : "model");
    if ((!text && length > 0) || (!tokens && capacity > 0))
      return isNull(text ? "tokens" : "text");
    const picollm::Tokenizer *tokenizer = model->getTokenizer();
    if (!tokenizer)
      return withoutTokenizer();
    std::vector<int32_t> all = tokenizer->encode(
        length ? std::string_view(text, length) : std::string_view(),
        parse_special != 0);
    if (add_bos && tokenizer->addBos() && tokenizer->bos() >= 0)
      all.insert(all.begin(), tokenizer->bos());
    std::copy_n(all.begin(), std::min(capacity, all.size()), tokens);
    *count = all.size();
    return success();
  });
}

picollm_status picollm_token_bytes(const picollm_model *model, int32_t token,
                                   const char **bytes, size_t *length,
                                   picollm_error *error) {
  return guarded(error, [&]() -> Failure {
    if (!model || !bytes || !length)
      return isNull(!model ? "model" : bytes ? "length" : "bytes");
    const picollm::Tokenizer *tokenizer = model->getTokenizer();
    if (!tokenizer)
      return withoutTokenizer();
    if (token < 0 || token >= model->compiled->vocabulary)
      return {PICOLLM_INVALID_ARGUMENT,
              "token: must be between 0 and " +
                  std::to_string(model->compiled->vocabulary - 1) + ", not " +
                  std::to_string(token)};
    const std::string_view piece = tokenizer->piece(token);
    *bytes = piece.empty() ? "" : piece.data();
    *length = piece.size();
    return success();
  });
}

int picollm_token_ends_text(const picollm_model *model, int32_t token) {
  const picollm::Tokenizer *tokenizer = model->getTokenizer();
  return tokenizer && token >= 0 && tokenizer->isEnd(token);
}

int32_t picollm_end_token(const picollm_model *model) {
  const picollm::Tokenizer *tokenizer = model->getTokenizer();
  return tokenizer ? tokenizer->eos() : -1;
}
