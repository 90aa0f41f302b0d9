//===- Signals.cpp - what happens when a tool is interrupted --------------===//
//
// The handler only writes the signal's number to a pipe. A thread that reads
// there removes the folders, for which a handler could not allocate memory, and
// raises the signal again. Nothing is inherited by the programs that a tool
// starts but that broken pipes and file size limits are errors for them too.
//
//===----------------------------------------------------------------------===//

#include "picollm/Support/Signals.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <thread>
#include <vector>
#ifndef _WIN32
#include <unistd.h>
#endif

using namespace picollm;

namespace {
struct Removal {
  std::string folder;
  std::function<bool()> isKept;
};

struct Removals {
  std::mutex mutex;
  std::vector<Removal> all;
};
} // namespace

/// Never destroyed: the watching thread outlives static objects.
static Removals &removals() {
  static Removals *all = new Removals;
  return *all;
}

RemovedOnInterrupt::RemovedOnInterrupt(std::string folder,
                                       std::function<bool()> isKept)
    : folder(std::move(folder)) {
  std::lock_guard<std::mutex> lock(removals().mutex);
  removals().all.push_back({this->folder, std::move(isKept)});
}

RemovedOnInterrupt::~RemovedOnInterrupt() {
  std::lock_guard<std::mutex> lock(removals().mutex);
  llvm::erase_if(removals().all, [&](const Removal &removal) {
    return removal.folder == folder;
  });
}

std::unique_lock<std::mutex> picollm::holdInterrupts() {
  return std::unique_lock<std::mutex>(removals().mutex);
}

#ifdef _WIN32

void picollm::prepareSignals() {}

#else

static constexpr int interrupts[] = {SIGINT, SIGTERM, SIGHUP};

/// The signals that whoever started the program has told it to ignore (nohup,
/// a shell's background), found before LLVM's own handlers are put there.
static const std::vector<int> ignoredFromStart = [] {
  std::vector<int> ignored;
  for (int signal : interrupts) {
    struct sigaction action = {};
    if (sigaction(signal, nullptr, &action) == 0 &&
        action.sa_handler == SIG_IGN)
      ignored.push_back(signal);
  }
  return ignored;
}();

static int wakeUp[2];

static void handle(int signal) {
  unsigned char number = static_cast<unsigned char>(signal);
  // Nothing can be done where the pipe is full: one number is enough.
  [[maybe_unused]] ssize_t written = write(wakeUp[1], &number, 1);
}

static void watch() {
  unsigned char number;
  while (read(wakeUp[0], &number, 1) != 1)
    ;
  // Kept: what waits for it must not go on with half of its files gone.
  removals().mutex.lock();
  llvm::sys::RunInterruptHandlers();
  for (const Removal &removal : removals().all) {
    if (removal.isKept()) {
      llvm::errs() << "\ninterrupted: the same command goes on from here; to "
                      "drop what is done, remove "
                   << removal.folder << '\n';
      continue;
    }
    // Other threads may still be making files.
    for (int i = 0; i < 100 && llvm::sys::fs::exists(removal.folder); ++i)
      llvm::sys::fs::remove_directories(removal.folder);
  }
  std::signal(number, SIG_DFL);
  kill(getpid(), number);
}

void picollm::prepareSignals() {
  std::signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
  std::signal(SIGXFSZ, SIG_IGN);
#endif
  if (pipe(wakeUp) != 0)
    return; // without descriptors left nothing else will work either
  for (int signal : interrupts) {
    struct sigaction action = {};
    action.sa_handler =
        llvm::is_contained(ignoredFromStart, signal) ? SIG_IGN : handle;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(signal, &action, nullptr);
  }
  std::thread(watch).detach();
}

#endif
