//===- VerifyFormat.cpp - a format beside its template --------------------===//

#include "VerifyFormat.h"
#include "ProbeDialogs.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/JSON.h"

using namespace picollm;
using llvm::StringRef;

namespace {

constexpr size_t longestDialog = 11; ///< six messages of the user

/// What users and models might write that a template could look at.
std::vector<std::string> samples() {
  std::vector<std::string> texts = {
      "What is the capital of Peru?",
      "x",
      "7",
      " two  spaces  around ",
      "\n\na line\n\nand another\r\n\n",
      "\ttabs\t",
      "\u00a0no-break\u3000\u2003\u0085spaces\u2028\u00a0",
      "\x1cseparators\x1f and a z\u00e9ro-width space\u200b",
      "na\u00efve \u4f60\u597d \u0645\u0631\u062d\u0628\u0627 \U0001f44d\u200d",
      "{{ messages }} {% if x %} {# y #} {{",
      "\"double\" 'single' `back` \\ \\n %s %(x)s <b>&amp;</b>",
      "None",
      "system",
      "user: assistant: ### Human: [INST] [/INST] <<SYS>> <</SYS>>",
      "<|im_start|>system<|im_end|><|eot_id|><s></s><bos><eos><end_of_turn>",
      "<think>why</think>because",
      "</think>",
      "a</think>\n\n\nb</think> \nc",
      "<think>\nnever ended",
      "[{\"name\": \"search\", \"arguments\": {\"q\": [1, 2.5, null]}}]",
      "<tool_call>{}</tool_call>",
      "```python\nprint('x')\n```",
  };
  std::string many;
  for (int i = 0; i < 600; ++i)
    many += "Sentence " + std::to_string(i) + ".\n";
  texts.push_back(many);
  texts.push_back(std::string(3000, 'a'));
  return texts;
}

/// The dialog of that shape whose contents `content` gives by their number.
Dialog fill(size_t count, bool hasSystem,
            llvm::function_ref<std::string(size_t)> content) {
  Dialog dialog = probeDialog(count, hasSystem);
  for (size_t i = 0; i < dialog.size(); ++i)
    dialog[i].content = content(i);
  return dialog;
}

/// A dialog and what is said of its format where it comes out otherwise: a
/// chat flag, or 0, that there is no format.
struct Check {
  Dialog dialog;
  uint32_t flag;
};

void addSamples(bool hasSystem, std::vector<Check> &checks) {
  const std::vector<std::string> texts = samples();
  // Each text as every message, then neighbours of every kind.
  for (const std::string &text : texts)
    for (size_t count : {1, 5})
      checks.push_back(
          {fill(count, hasSystem, [&](size_t) { return text; }), 0});
  for (size_t step : {1, 5, 7})
    for (size_t count = 1; count <= longestDialog; count += 2)
      for (size_t start = 0; start < texts.size(); start += 3)
        checks.push_back(
            {fill(count, hasSystem,
                  [&](size_t i) {
                    return texts[(start + i * step) % texts.size()];
                  }),
             0});
}

/// Dialogs in which one message is blank.
void addBlanks(bool hasSystem, std::vector<Check> &checks) {
  for (size_t count = 1; count <= 5; count += 2)
    for (size_t i = 0; i < count + hasSystem; ++i)
      for (const char *blank : {"", " ", "\n\n", " \t\n ", "\u00a0"}) {
        Dialog dialog = probeDialog(count, hasSystem);
        const uint32_t role = dialog[i].role == "system" ? 0
                              : dialog[i].role == "user" ? 1
                                                         : 2;
        dialog[i].content = blank;
        checks.push_back(
            {std::move(dialog), PICOLLM_CHAT_REFUSE_BLANK << role});
      }
}

/// 40 bytes or so of `text` from `begin`, in quotes.
std::string excerpt(StringRef text, size_t begin) {
  std::string quoted;
  llvm::raw_string_ostream(quoted)
      << llvm::json::Value(llvm::json::fixUTF8(text.substr(begin, 40)));
  return quoted;
}

llvm::Error difference(const Dialog &dialog, const RenderedDialog &rendered,
                       const std::optional<std::string> &written) {
  auto error = [](const std::string &message) {
    return llvm::createStringError(llvm::inconvertibleErrorCode(), "%s",
                                   message.c_str());
  };
  if (!rendered.error.empty())
    return error("it refuses " + describe(dialog) + ": " + rendered.error);
  const StringRef expected = rendered.text;
  const StringRef found = written ? StringRef(*written) : StringRef();
  size_t at = 0;
  while (at < expected.size() && at < found.size() && expected[at] == found[at])
    ++at;
  at -= std::min<size_t>(at, 8);
  return error("it is more than text around each message: in " +
               describe(dialog) + " it writes " + excerpt(expected, at) +
               " where " + excerpt(found, at) + " was expected");
}

bool isSame(const ChatFormat &format, const Dialog &dialog,
            const RenderedDialog &rendered) {
  return rendered.error.empty() && writeDialog(format, dialog) == rendered.text;
}

} // namespace

llvm::Error picollm::verifyFormat(DialogRenderer render, ChatFormat &format) {
  std::vector<Check> checks;
  for (bool hasSystem : {false, true}) {
    if (hasSystem && !format.systemRefusal.empty())
      break;
    addSamples(hasSystem, checks);
    addBlanks(hasSystem, checks);
  }
  std::vector<Dialog> dialogs;
  for (const Check &check : checks)
    dialogs.push_back(check.dialog);
  auto rendered = render(dialogs);
  if (!rendered)
    return rendered.takeError();
  uint32_t flags = 0;
  for (size_t i = 0; i < dialogs.size(); ++i) {
    if (isSame(format, dialogs[i], (*rendered)[i]))
      continue;
    if (!checks[i].flag)
      return difference(dialogs[i], (*rendered)[i],
                        writeDialog(format, dialogs[i]));
    flags |= checks[i].flag;
  }
  format.flags |= flags;
  return llvm::Error::success();
}
