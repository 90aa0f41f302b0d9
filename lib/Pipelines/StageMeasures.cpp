//===- StageMeasures.cpp - time and memory of each stage ------------------===//

#include "StageMeasures.h"
#include "picollm/Support/ProcessMemory.h"
#include "llvm/Support/Format.h"
#include <chrono>
#include <condition_variable>
#include <nlohmann/json.hpp>
#include <thread>

using namespace picollm;

namespace {

/// Looks at the anonymous memory until it is stopped.
class MemoryWatch {
public:
  MemoryWatch() : thread([this] { watch(); }) {}
  ~MemoryWatch() { stop(); }

  int64_t stop() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopped = true;
    }
    changed.notify_one();
    if (thread.joinable())
      thread.join();
    return peak;
  }

private:
  void watch() {
    std::unique_lock<std::mutex> lock(mutex);
    do
      peak = std::max(peak, anonymousBytes());
    while (!changed.wait_for(lock, std::chrono::milliseconds(5),
                             [this] { return stopped; }));
    peak = std::max(peak, anonymousBytes());
  }

  std::mutex mutex;
  std::condition_variable changed;
  bool stopped = false;
  int64_t peak = 0;
  std::thread thread;
};

} // namespace

StageMeasures::StageMeasures(bool memory) : memory(memory) {
  mlir::applyDefaultTimingManagerCLOptions(timing);
  root = timing.getRootScope();
}

llvm::Error
StageMeasures::run(llvm::StringRef stage,
                   llvm::function_ref<llvm::Error(mlir::TimingScope &)> body) {
  StageMeasure measure;
  measure.stage = stage.str();
  std::optional<MemoryWatch> watch;
  if (memory) {
    resetPeakMemory();
    watch.emplace();
  }
  mlir::TimingScope scope = root.nest(measure.stage);
  auto start = std::chrono::steady_clock::now();
  llvm::Error error = body(scope);
  std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  scope.stop();
  measure.seconds = time.count();
  if (memory) {
    measure.peakResidentBytes = peakResidentBytes();
    measure.peakAnonymousBytes = watch->stop();
  }
  measures.push_back(std::move(measure));
  return error;
}

void StageMeasures::print(llvm::raw_ostream &os) const {
  os << "stage            s  MB own  MB with mapped files\n";
  for (const StageMeasure &measure : measures)
    os << llvm::format("%-9s %8.2f %7.1f %8.1f\n", measure.stage.c_str(),
                       measure.seconds, measure.peakAnonymousBytes / 1e6,
                       measure.peakResidentBytes / 1e6);
}

std::string StageMeasures::json() const {
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  for (const StageMeasure &measure : measures)
    stages.push_back({{"stage", measure.stage},
                      {"seconds", measure.seconds},
                      {"peak_resident_bytes", measure.peakResidentBytes},
                      {"peak_anonymous_bytes", measure.peakAnonymousBytes}});
  return nlohmann::ordered_json{{"stages", std::move(stages)}}.dump(2) + "\n";
}
