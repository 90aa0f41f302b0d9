// picollm-run: a compiled model continues a text, or takes part in a dialog.
#include "Conversation.h"
#include "Generation.h"
#include "Interrupt.h"
#include "Options.h"

#include <cstdio>
#include <iostream>
#include <iterator>

#ifdef _WIN32
#include <io.h>
static bool inputIsTerminal() { return _isatty(_fileno(stdin)); }
#else
#include <unistd.h>
static bool inputIsTerminal() { return isatty(STDIN_FILENO); }
#endif

static int fail(const std::string &message) {
  std::fprintf(stderr, "picollm-run: %s\n", message.c_str());
  return 1;
}

/// One prompt, one text. Returns the exit status.
static int answer(const Options &options, const Engine &engine,
                  const std::string &prompt) {
  Generation generation;
  generation.print = !options.json;
  picollm_error error;
  Dialog dialog;
  if (!options.system.empty())
    dialog.push_back({"system", options.system});
  dialog.push_back({"user", prompt});
  if (options.chat ? generate(options, engine, dialog, true, generation, error)
                   : generate(options, engine, prompt, true, generation, error))
    return fail(error.message);
  if (options.json)
    printJson(options, engine, generation);
  else if (!generation.broken)
    std::cout << std::endl;
  if (options.stats)
    printStats(engine, generation);
  if (generation.broken)
    return fail("standard output cannot be written");
  return generation.interrupted ? 130 : 0; // as a shell reports SIGINT
}

static std::string readInput() {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  // The newline that echo and editors end a file with is not meant.
  if (!text.empty() && text.back() == '\n')
    text.pop_back();
  return text;
}

int main(int argc, char **argv) {
  std::optional<int> wrong;
  const Options options = parseCommandLine(argc, argv, wrong);
  if (wrong)
    return *wrong;
  const bool conversation =
      options.chat && !options.prompt && !options.json && inputIsTerminal();
  if (!options.prompt && !conversation && inputIsTerminal())
    return fail("no prompt: give it after the folder, in quotes, or through "
                "standard input");
  picollm_error error;
  // A conversation lasts until its user ends it, and then is put away.
  std::optional<CatchInterrupt> interrupt;
  Engine engine;
  if (openEngine(options, engine, error))
    return fail(error.message);
  if (options.chat)
    if (const char *refusal = picollm_chat_refusal(engine.model.get());
        *refusal)
      return fail(options.directory + ": " + refusal +
                  "; without --chat it continues texts");
  if (conversation)
    interrupt.emplace(CatchInterrupt::KeepsText, nullptr);
  const int status =
      conversation ? converse(options, engine)
                   : answer(options, engine,
                            options.prompt ? *options.prompt : readInput());
  if ((status == 0 || status == 130) && !options.saveSession.empty() &&
      picollm_session_save(engine.session.get(), options.saveSession.c_str(),
                           &error))
    return fail(error.message);
  return status;
}
