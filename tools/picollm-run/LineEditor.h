// Lines that a user types.
#ifndef PICOLLM_RUN_LINEEDITOR_H
#define PICOLLM_RUN_LINEEDITOR_H

#include <memory>
#include <string>

/// Reads lines from a terminal, with editing and a history that lives as long
/// as this object, if built with libedit; without, as the system edits them.
class LineEditor {
public:
  enum Result { Line, Interrupted, End };

  LineEditor();
  ~LineEditor();

  /// Shows the prompt on standard error and waits for a line, which is returned
  /// without its end. Interrupted (Ctrl-C): what was typed is dropped.
  Result read(const std::string &prompt, std::string &line);

private:
  struct State;
  std::unique_ptr<State> state;
};

#endif
