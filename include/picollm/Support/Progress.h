//===- Progress.h - progress with time left on stderr -----------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_PROGRESS_H
#define PICOLLM_SUPPORT_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <string>

namespace picollm {

/// "m:ss", or "h:mm:ss" from an hour on.
std::string clockTime(double seconds);

/// A line such as `quantize  12/30 layers  40 %  0:31 left` on stderr,
/// rewritten in place on a terminal, printed once at the end elsewhere. Nothing
/// is shown in the first two seconds of a stage that begins at its beginning,
/// nor where progress was turned off.
class Progress {
public:
  /// `total` pieces of work in units of `unit` ("layers", "texts"), of which
  /// `before` were done by an earlier process.
  Progress(std::string stage, int64_t total, std::string unit,
           int64_t before = 0);
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// `done` of the pieces are finished; `note` is what there is to say of them.
  void update(int64_t done, std::string note = {});

  /// Turns all progress lines off (--quiet).
  static void disable();

private:
  void draw(bool last);

  std::string stage, unit, note;
  int64_t total, before, done;
  std::chrono::steady_clock::time_point start, drawn;
  bool shown = false;
};

} // namespace picollm

#endif // PICOLLM_SUPPORT_PROGRESS_H
