//===- RenderDialogs.cpp - Jinja2 as a process ----------------------------===//

#include "RenderScript.h"
#include "picollm/Chat/ChatTemplate.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;
using namespace llvm;

/// A process that neither computes nor ends; the script's own bound of
/// processor time comes long before.
static constexpr unsigned secondsToWait = 300;

static Error error(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), "%s",
                           message.str().c_str());
}

static Expected<std::string> findPython() {
  std::string python = configuredPython;
  if (auto chosen = sys::Process::GetEnv("PICOLLM_PYTHON"))
    python = *chosen;
  if (sys::fs::can_execute(python))
    return python;
  if (!StringRef(python).contains('/'))
    if (auto found = sys::findProgramByName(python))
      return *found;
  return error("Python 3, which reads it, was not found at '" + python +
               "'; install python3 and python3-jinja2, or name a Python that "
               "has Jinja2 in PICOLLM_PYTHON, and compile the model again");
}

static std::string requestFor(const ChatTemplate &chatTemplate,
                              ArrayRef<Dialog> dialogs) {
  json::Object variables;
  for (const auto &[name, value] : chatTemplate.variables)
    variables[name] = json::fixUTF8(value);
  json::Array array;
  for (const Dialog &dialog : dialogs) {
    json::Array messages;
    for (const ChatMessage &message : dialog)
      messages.push_back(
          json::Object{{"role", message.role}, {"content", message.content}});
    array.push_back(std::move(messages));
  }
  json::Object request{{"template", chatTemplate.source},
                       {"variables", std::move(variables)},
                       {"dialogs", std::move(array)}};
  std::string text;
  raw_string_ostream(text) << json::Value(std::move(request));
  return text;
}

/// What the script writes for a request.
static Expected<std::string> runScript(StringRef python, StringRef request) {
  SmallString<128> files[3]; // standard input, output, error
  scope_exit cleanUp([&] {
    for (StringRef file : files)
      if (!file.empty())
        sys::fs::remove(file);
  });
  for (SmallString<128> &file : files)
    if (std::error_code code =
            sys::fs::createTemporaryFile("picollm-chat", "json", file))
      return error("a temporary file cannot be written: " + code.message());
  if (Error failure = writeFile(files[0], request))
    return std::move(failure);
  std::optional<StringRef> redirects[] = {
      StringRef(files[0]), StringRef(files[1]), StringRef(files[2])};
  // Nothing of the user's environment, folder or home decides what runs.
  const StringRef arguments[] = {python, "-IB", "-c", renderScript};
  const StringRef environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"};
  std::string message;
  const int code =
      sys::ExecuteAndWait(python, arguments, ArrayRef<StringRef>(environment),
                          redirects, secondsToWait,
                          /*MemoryLimit=*/0, &message);
  if (code != 0) {
    if (message.empty())
      if (auto log = MemoryBuffer::getFile(files[2])) {
        StringRef text = (*log)->getBuffer().trim();
        message = text.substr(text.rfind('\n') + 1).take_front(200).str();
      }
    return error(
        "the interpreter ended while it read it: " +
        (message.empty() ? "exit code " + Twine(code).str() : message));
  }
  auto output = MemoryBuffer::getFile(files[1]);
  if (!output)
    return error("a temporary file cannot be read: " +
                 output.getError().message());
  return (*output)->getBuffer().str();
}

/// A member that is a string, else empty.
static std::string stringIn(const json::Object &object, StringRef name) {
  return object.getString(name).value_or("").str();
}

Expected<std::vector<RenderedDialog>>
picollm::renderDialogs(const ChatTemplate &chatTemplate,
                       ArrayRef<Dialog> dialogs) {
  if (!json::isUTF8(chatTemplate.source))
    return error("it is not valid UTF-8");
  auto python = findPython();
  if (!python)
    return python.takeError();
  auto output = runScript(*python, requestFor(chatTemplate, dialogs));
  if (!output)
    return output.takeError();
  auto parsed = json::parse(*output);
  if (!parsed)
    return joinErrors(error("the interpreter's answer is no JSON"),
                      parsed.takeError());
  const json::Object *answer = parsed->getAsObject();
  if (!answer)
    return error("the interpreter's answer is no JSON object");
  if (std::string module = stringIn(*answer, "missing"); !module.empty())
    return error("the Python at '" + *python + "' lacks the module " + module +
                 ", which reads it; install python3-jinja2 and compile the "
                 "model again");
  if (std::string message = stringIn(*answer, "error"); !message.empty())
    return error(message);
  const json::Array *array = answer->getArray("dialogs");
  if (!array || array->size() != dialogs.size())
    return error("the interpreter's answer is not complete");
  std::vector<RenderedDialog> rendered;
  for (const json::Value &value : *array) {
    const json::Object *object = value.getAsObject();
    if (!object)
      return error("the interpreter's answer is not complete");
    rendered.push_back({stringIn(*object, "text"), stringIn(*object, "error")});
  }
  return rendered;
}
