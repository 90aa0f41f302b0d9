#include "Interrupt.h"
#include "picollm.h"

#include <csignal>

static volatile std::sig_atomic_t noted = 0;
static picollm_session *volatile running = nullptr;
static volatile CatchInterrupt::Mode current = CatchInterrupt::Uncaught;

static void onInterrupt(int) {
  noted = 1;
  if (picollm_session *session = running)
    picollm_session_interrupt(session);
#ifdef _WIN32
  // Each signal sets the default action again there.
  std::signal(SIGINT,
              current == CatchInterrupt::EndsText ? SIG_DFL : onInterrupt);
#else
  if (current == CatchInterrupt::EndsText)
    std::signal(SIGINT, SIG_DFL);
#endif
}

static void enter(CatchInterrupt::Mode mode, picollm_session *session) {
  current = mode;
  running = session;
#ifdef _WIN32
  std::signal(SIGINT, mode == CatchInterrupt::Uncaught ? SIG_DFL : onInterrupt);
#else
  struct sigaction action = {};
  action.sa_handler = mode == CatchInterrupt::Uncaught ? SIG_DFL : onInterrupt;
  sigemptyset(&action.sa_mask);
  // Output that is being written goes on.
  action.sa_flags = mode == CatchInterrupt::KeepsLine ? 0 : SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
#endif
}

CatchInterrupt::CatchInterrupt(Mode mode, picollm_session *session)
    : outerMode(current), outerSession(running) {
  noted = 0;
  enter(mode, session);
}

CatchInterrupt::~CatchInterrupt() { enter(outerMode, outerSession); }

bool CatchInterrupt::happened() { return noted != 0; }
