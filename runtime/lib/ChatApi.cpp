// The C functions about dialogs.
#include "CApi.h"
#include "Chat.h"

#include <algorithm>

using namespace picollm;
using namespace picollm::runtime;

const char *picollm_chat_template(const picollm_model *model, size_t *length) {
  const Tokenizer *tokenizer = model->getTokenizer();
  const std::string_view text =
      tokenizer ? tokenizer->chatTemplate() : std::string_view();
  *length = text.size();
  return text.empty() ? "" : text.data();
}

const char *picollm_chat_refusal(const picollm_model *model) {
  const Tokenizer *tokenizer = model->getTokenizer();
  if (!tokenizer)
    return "the model was bound without a tokenizer, which text needs";
  const TableView<char> &refusal = tokenizer->tables().chatRefusal;
  return refusal.count ? refusal.data : "";
}

static Failure writeDialog(const picollm_model *model,
                           const picollm_message *messages, size_t count,
                           ChatText &out) {
  const char *refusal = picollm_chat_refusal(model);
  if (*refusal)
    return {PICOLLM_INVALID_ARGUMENT, refusal};
  return writeChat(ChatTables::of(model->getTokenizer()->tables()), messages,
                   count, out);
}

static Failure tokenizeDialog(const picollm_model *model,
                              const picollm_message *messages, size_t count,
                              std::vector<int32_t> &tokens) {
  ChatText dialog;
  if (Failure failure = writeDialog(model, messages, count, dialog))
    return failure;
  const Tokenizer &tokenizer = *model->getTokenizer();
  tokens = tokenizer.encode(dialog.text, dialog.contents);
  // Many templates write it themselves.
  const int32_t bos = tokenizer.bos();
  if (tokenizer.addBos() && bos >= 0 && (tokens.empty() || tokens[0] != bos))
    tokens.insert(tokens.begin(), bos);
  return success();
}

picollm_status picollm_chat_prompt(const picollm_model *model,
                                   const picollm_message *messages,
                                   size_t message_count, char *text,
                                   size_t capacity, size_t *length,
                                   picollm_error *error) {
  return guarded(error, [&]() -> Failure {
    if (!model || !length)
      return isNull(model ? "length" : "model");
    if (!text && capacity > 0)
      return isNull("text");
    ChatText dialog;
    if (Failure failure = writeDialog(model, messages, message_count, dialog))
      return failure;
    std::copy_n(dialog.text.begin(), std::min(capacity, dialog.text.size()),
                text);
    *length = dialog.text.size();
    return success();
  });
}

picollm_status picollm_chat_tokenize(const picollm_model *model,
                                     const picollm_message *messages,
                                     size_t message_count, int32_t *tokens,
                                     size_t capacity, size_t *count,
                                     picollm_error *error) {
  return guarded(error, [&]() -> Failure {
    if (!model || !count)
      return isNull(model ? "count" : "model");
    if (!tokens && capacity > 0)
      return isNull("tokens");
    std::vector<int32_t> all;
    if (Failure failure = tokenizeDialog(model, messages, message_count, all))
      return failure;
    std::copy_n(all.begin(), std::min(capacity, all.size()), tokens);
    *count = all.size();
    return success();
  });
}

picollm_status
picollm_chat(picollm_session *session, const picollm_message *messages,
             size_t message_count, const picollm_generate_options *options,
             picollm_stream stream, void *user, picollm_generate_result *result,
             picollm_error *error) {
  picollm_generate_options fromStart = {};
  if (options)
    fromStart = *options;
  fromStart.from_start = 1;
  return guardedGeneration(session, fromStart, stream, user, result, error,
                           [&](std::vector<int32_t> &tokens) {
                             return tokenizeDialog(&session->model, messages,
                                                   message_count, tokens);
                           });
}
