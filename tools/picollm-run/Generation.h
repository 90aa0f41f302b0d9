// One text of the model, and what is said about it.
#ifndef PICOLLM_RUN_GENERATION_H
#define PICOLLM_RUN_GENERATION_H

#include "Options.h"
#include "picollm.h"

#include <nlohmann/json.hpp>

struct Freed {
  void operator()(picollm_model *model) const { picollm_model_free(model); }
  void operator()(picollm_session *session) const {
    picollm_session_free(session);
  }
};

/// A loaded model and its session.
struct Engine {
  std::unique_ptr<picollm_model, Freed> model;
  std::unique_ptr<picollm_session, Freed> session; ///< ends before the model
};

/// Loads the model and, if one is named, the saved session.
picollm_status openEngine(const Options &options, Engine &engine,
                          picollm_error &error);

struct Message {
  std::string role, content;
};
using Dialog = std::vector<Message>;

/// For the C functions; refers to the dialog.
std::vector<picollm_message> messagesOf(const Dialog &dialog);

/// A text, while it is generated and after.
struct Generation {
  bool print = true; ///< on standard output, as it comes
  std::string text;  ///< all of it
  nlohmann::ordered_json tokens = nlohmann::ordered_json::array();
  bool broken = false;      ///< nobody reads standard output any more
  bool interrupted = false; ///< by Ctrl-C
  picollm_generate_result result = {};
};

/// Continues a prompt, or answers a dialog. Ctrl-C ends the text, and a second
/// one the program if `isOnly`.
picollm_status generate(const Options &options, const Engine &engine,
                        const std::string &prompt, bool isOnly,
                        Generation &generation, picollm_error &error);
picollm_status generate(const Options &options, const Engine &engine,
                        const Dialog &dialog, bool isOnly,
                        Generation &generation, picollm_error &error);

/// A line on standard error.
void printStats(const Engine &engine, const Generation &generation);

/// An object on standard output.
void printJson(const Options &options, const Engine &engine,
               const Generation &generation);

#endif
