#include "LineEditor.h"
#include "Interrupt.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>

#ifdef PICOLLM_HAS_LIBEDIT
#include <clocale>
#include <histedit.h>

struct LineEditor::State {
  EditLine *editor = nullptr;
  History *history = nullptr;
  std::string prompt;

  static char *promptOf(EditLine *editor) {
    void *state = nullptr;
    el_get(editor, EL_CLIENTDATA, &state);
    return static_cast<State *>(state)->prompt.data();
  }
};

LineEditor::LineEditor() : state(std::make_unique<State>()) {
  // libedit takes characters apart as the locale says; text here is UTF-8.
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1)
    std::setlocale(LC_CTYPE, "C.UTF-8");
  state->editor = el_init("picollm-run", stdin, stderr, stderr);
  state->history = history_init();
  if (!state->editor || !state->history)
    return;
  HistEvent event;
  history(state->history, &event, H_SETSIZE, 1000);
  el_set(state->editor, EL_CLIENTDATA, state.get());
  el_set(state->editor, EL_PROMPT, &State::promptOf);
  el_set(state->editor, EL_EDITOR, "emacs");
  el_set(state->editor, EL_SIGNAL, 0);
  el_set(state->editor, EL_HIST, ::history, state->history);
  el_set(state->editor, EL_BIND, "^R", "em-inc-search-prev", nullptr);
}

LineEditor::~LineEditor() {
  if (state->editor)
    el_end(state->editor);
  if (state->history)
    history_end(state->history);
}

LineEditor::Result LineEditor::read(const std::string &prompt,
                                    std::string &line) {
  if (!state->editor || !state->history)
    return End;
  state->prompt = prompt;
  CatchInterrupt interrupt(CatchInterrupt::KeepsLine, nullptr);
  el_resize(state->editor);
  int count = 0;
  const char *text = el_gets(state->editor, &count);
  if (CatchInterrupt::happened()) {
    el_reset(state->editor);
    std::fputc('\n', stderr);
    return Interrupted;
  }
  if (!text || count <= 0)
    return End;
  line.assign(text, size_t(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.pop_back();
  HistEvent event;
  if (!line.empty())
    history(state->history, &event, H_ENTER, line.c_str());
  return Line;
}

#else

struct LineEditor::State {};

LineEditor::LineEditor() = default;
LineEditor::~LineEditor() = default;

LineEditor::Result LineEditor::read(const std::string &prompt,
                                    std::string &line) {
  // Ctrl-C ends the program here: a waiting stream cannot be interrupted.
  CatchInterrupt interrupt(CatchInterrupt::Uncaught, nullptr);
  std::fputs(prompt.c_str(), stderr);
  return std::getline(std::cin, line) ? Line : End;
}

#endif
