//===- Signals.h - what happens when a tool is interrupted ------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_SIGNALS_H
#define PICOLLM_SUPPORT_SIGNALS_H

#include <functional>
#include <mutex>
#include <string>

namespace picollm {

/// For a tool's main, after InitLLVM (made with InstallPipeSignalExitHandler
/// false): SIGINT, SIGTERM and SIGHUP remove the folders below, or say where
/// they stay, then end the program as they always do (but what was ignored from
/// the start stays ignored: nohup); a reader that has gone and a limit on the
/// size of files become errors of the write.
void prepareSignals();

/// While it lives, its folder is removed when the program is interrupted,
/// unless `isKept` says then, in another thread, that the next process can go
/// on in it.
class RemovedOnInterrupt {
public:
  RemovedOnInterrupt(std::string folder, std::function<bool()> isKept);
  ~RemovedOnInterrupt();
  RemovedOnInterrupt(const RemovedOnInterrupt &) = delete;
  RemovedOnInterrupt &operator=(const RemovedOnInterrupt &) = delete;

private:
  std::string folder;
};

/// No interrupt takes effect while the lock is held: for steps that belong
/// together. Not recursive; nothing that makes or ends a RemovedOnInterrupt
/// may be in between.
std::unique_lock<std::mutex> holdInterrupts();

} // namespace picollm

#endif // PICOLLM_SUPPORT_SIGNALS_H
