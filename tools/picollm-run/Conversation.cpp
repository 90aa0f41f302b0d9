#include "Conversation.h"
#include "LineEditor.h"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

using nlohmann::ordered_json;

static const char *const help =
    "  /reset         forget the dialog, keep the system message\n"
    "  /system TEXT   how the model should behave from here on; no TEXT: as it "
    "likes\n"
    "  /save FILE     write the dialog as JSON\n"
    "  /load FILE     go on with a dialog that was saved\n"
    "  /help          this\n"
    "A line that ends in \\ goes on in the next. A message that begins with a "
    "slash\nneeds a space before it. Ctrl-C ends an answer, Ctrl-D the "
    "conversation.\n";

static void say(const std::string &text) {
  std::fprintf(stderr, "%s\n", text.c_str());
}

namespace {

class Conversation {
public:
  Conversation(const Options &options, const Engine &engine)
      : options(options), engine(engine), system(options.system) {}

  int run();

private:
  enum class Next { Message, Nothing, End };

  Next readMessage(std::string &message);
  void command(const std::string &line);
  bool answer(const std::string &message);
  /// Whether the model's dialogs take this system message; says why not.
  bool acceptsSystem(const std::string &text) const;
  void save(const std::string &path) const;
  void load(const std::string &path);
  void sayContextIsFull() const;
  Dialog withSystem() const;

  const Options &options;
  const Engine &engine;
  LineEditor editor;
  std::string system;
  Dialog turns; ///< of user and assistant, ends with an answer
  bool wasInterrupted = false;
};

} // namespace

Dialog Conversation::withSystem() const {
  Dialog dialog;
  if (!system.empty())
    dialog.push_back({"system", system});
  dialog.insert(dialog.end(), turns.begin(), turns.end());
  return dialog;
}

bool Conversation::acceptsSystem(const std::string &text) const {
  if (text.empty())
    return true;
  const Dialog dialog = {{"system", text}, {"user", "Hello"}};
  const std::vector<picollm_message> messages = messagesOf(dialog);
  picollm_error error;
  size_t length = 0;
  if (!picollm_chat_prompt(engine.model.get(), messages.data(), messages.size(),
                           nullptr, 0, &length, &error))
    return true;
  say(error.message);
  return false;
}

void Conversation::sayContextIsFull() const {
  const picollm_session *session = engine.session.get();
  std::string text = "the context of " +
                     std::to_string(picollm_session_context(session)) +
                     " tokens is full: /reset starts a new dialog";
  const int64_t most = picollm_model_context(engine.model.get());
  if (most > picollm_session_context(session))
    text +=
        ", --context=" + std::to_string(most) + " has room for a longer one";
  say(text);
}

void Conversation::save(const std::string &path) const {
  ordered_json list = ordered_json::array();
  for (const Message &message : withSystem())
    list.push_back({{"role", message.role}, {"content", message.content}});
  std::ofstream file(path, std::ios::binary);
  file << list.dump(2, ' ', false, ordered_json::error_handler_t::replace)
       << '\n';
  file.close();
  say(file ? "written: " + path : path + ": cannot be written");
}

void Conversation::load(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return say(path + ": cannot be read");
  const auto list = ordered_json::parse(file, nullptr, false);
  if (!list.is_array())
    return say(path + ": is no list of messages with role and content");
  Dialog dialog;
  for (const ordered_json &entry : list) {
    if (!entry.is_object() || !entry.contains("role") ||
        !entry.contains("content") || !entry["role"].is_string() ||
        !entry["content"].is_string())
      return say(path + ": is no list of messages with role and content");
    dialog.push_back({entry["role"], entry["content"]});
  }
  // The rules of dialogs are checked as if a question followed.
  Dialog next = dialog;
  next.push_back({"user", "Hello"});
  const std::vector<picollm_message> messages = messagesOf(next);
  picollm_error error;
  size_t length = 0;
  if (picollm_chat_prompt(engine.model.get(), messages.data(), messages.size(),
                          nullptr, 0, &length, &error))
    return say(path + ": " + error.message);
  system.clear();
  if (!dialog.empty() && dialog[0].role == "system") {
    system = dialog[0].content;
    dialog.erase(dialog.begin());
  }
  turns = std::move(dialog);
  say("the dialog has " + std::to_string(turns.size()) + " messages");
}

void Conversation::command(const std::string &line) {
  const size_t space = line.find(' ');
  const std::string name = line.substr(0, space);
  const size_t begin = line.find_first_not_of(' ', space);
  const std::string argument =
      begin == std::string::npos ? "" : line.substr(begin);
  if (name == "/help")
    std::fputs(help, stderr);
  else if (name == "/reset")
    turns.clear();
  else if (name == "/system") {
    if (acceptsSystem(argument))
      system = argument;
  } else if (name != "/save" && name != "/load")
    say("unknown command " + name + "; /help lists them");
  else if (argument.empty())
    say(name + " needs a file");
  else if (name == "/save")
    save(argument);
  else
    load(argument);
}

Conversation::Next Conversation::readMessage(std::string &message) {
  message.clear();
  std::string line;
  for (const char *prompt = "> ";; prompt = "+ ") {
    const LineEditor::Result result = editor.read(prompt, line);
    if (result == LineEditor::End)
      return Next::End;
    if (result == LineEditor::Interrupted) {
      if (wasInterrupted)
        return Next::End;
      wasInterrupted = true;
      say("Ctrl-C again, or Ctrl-D, ends the conversation");
      return Next::Nothing;
    }
    wasInterrupted = false;
    if (message.empty() && !line.empty() && line[0] == '/') {
      command(line);
      return Next::Nothing;
    }
    if (line.empty() || line.back() != '\\')
      break;
    line.back() = '\n';
    message += line;
  }
  message += line;
  return message.find_first_not_of(" \t\n") == std::string::npos
             ? Next::Nothing
             : Next::Message;
}

/// Whether the conversation can go on.
bool Conversation::answer(const std::string &message) {
  turns.push_back({"user", message});
  Generation generation;
  picollm_error error;
  const picollm_status status = generate(options, engine, withSystem(),
                                         /*isOnly=*/false, generation, error);
  if (status) {
    turns.pop_back();
    if (status == PICOLLM_CONTEXT_FULL)
      sayContextIsFull();
    else
      say(error.message);
    return true;
  }
  if (generation.broken) {
    say("picollm-run: standard output cannot be written");
    return false;
  }
  std::cout << std::endl;
  // A dialog has no answers without text; the question may be asked again.
  if (generation.text.find_first_not_of(" \t\r\n") == std::string::npos)
    turns.pop_back();
  else
    turns.push_back({"assistant", generation.text});
  if (options.stats)
    printStats(engine, generation);
  if (generation.result.end == PICOLLM_END_CONTEXT_FULL)
    sayContextIsFull();
  return true;
}

int Conversation::run() {
  if (!acceptsSystem(system))
    return 1;
  say(std::string("A conversation with ") +
      picollm_model_name(engine.model.get()) +
      ". Ctrl-C ends an answer, Ctrl-D the conversation; /help lists more.");
  std::string message;
  for (;;) {
    switch (readMessage(message)) {
    case Next::Message:
      if (!answer(message))
        return 1;
      break;
    case Next::Nothing:
      break;
    case Next::End:
      std::fputc('\n', stderr);
      return 0;
    }
  }
}

int converse(const Options &options, const Engine &engine) {
  return Conversation(options, engine).run();
}
