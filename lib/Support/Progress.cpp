//===- Progress.cpp - progress with time left on stderr -------------------===//

#include "picollm/Support/Progress.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;
using Clock = std::chrono::steady_clock;

static bool disabled = false;

static double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

std::string picollm::clockTime(double seconds) {
  std::string text;
  llvm::raw_string_ostream os(text);
  int64_t whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 3600)
    os << whole / 60;
  else
    os << whole / 3600 << ':' << llvm::format("%02d", int(whole / 60 % 60));
  os << ':' << llvm::format("%02d", int(whole % 60));
  return text;
}

Progress::Progress(std::string stage, int64_t total, std::string unit,
                   int64_t before)
    : stage(std::move(stage)), unit(std::move(unit)), total(total),
      before(before), done(before), start(Clock::now()), drawn(start) {}

Progress::~Progress() {
  if (before > 0 || seconds(start, Clock::now()) >= 2)
    draw(/*last=*/true);
}

void Progress::disable() { disabled = true; }

void Progress::update(int64_t newDone, std::string newNote) {
  done = newDone;
  note = std::move(newNote);
  Clock::time_point now = Clock::now();
  if (seconds(start, now) < 2 || (shown && seconds(drawn, now) < 0.2))
    return;
  if (llvm::sys::Process::StandardErrIsDisplayed())
    draw(/*last=*/false);
}

void Progress::draw(bool last) {
  if (disabled)
    return;
  bool terminal = llvm::sys::Process::StandardErrIsDisplayed();
  drawn = Clock::now();
  double elapsed = seconds(start, drawn);
  llvm::raw_ostream &os = llvm::errs();
  if (terminal)
    os << "\r\033[K";
  os << llvm::left_justify(stage, 10) << ' ' << done << '/' << total << ' '
     << unit;
  if (!note.empty())
    os << ", " << note;
  if (last && before > 0)
    os << ", " << before << " of them before";
  if (last)
    os << "  " << clockTime(elapsed) << '\n';
  else if (done > before && total > 0)
    os << "  " << 100 * done / total << " %  "
       << clockTime(elapsed / (done - before) * (total - done)) << " left";
  os.flush();
  shown = true;
}
