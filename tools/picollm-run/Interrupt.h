// What Ctrl-C does.
#ifndef PICOLLM_RUN_INTERRUPT_H
#define PICOLLM_RUN_INTERRUPT_H

struct picollm_session;

/// As long as one exists, Ctrl-C does not end the program: it is noted, and
/// interrupts the session. The innermost counts.
class CatchInterrupt {
public:
  enum Mode {
    Uncaught,  ///< it ends the program; outside of all objects
    EndsText,  ///< a second Ctrl-C ends the program
    KeepsLine, ///< all are caught, and end a system call that waits for input
    KeepsText  ///< all are caught
  };

  /// `session` may be null.
  CatchInterrupt(Mode mode, picollm_session *session);
  CatchInterrupt(const CatchInterrupt &) = delete;
  CatchInterrupt &operator=(const CatchInterrupt &) = delete;
  ~CatchInterrupt();

  /// Whether there was one since the last object was made.
  static bool happened();

private:
  Mode outerMode;
  picollm_session *outerSession;
};

#endif
