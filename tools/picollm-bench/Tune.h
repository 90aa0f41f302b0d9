// Looks for the fastest schedule of kernels on this machine.
#ifndef PICOLLM_BENCH_TUNE_H
#define PICOLLM_BENCH_TUNE_H

#include "Speed.h"

#include <string>

struct TuneOptions {
  std::string model;    ///< .picollm
  std::string output;   ///< JSON, see include/picollm/Conversion/Schedule.h
  std::string compiler; ///< picollm-compile
  int32_t threads;      ///< 0: the runtime's choice
  SpeedOptions speed;
};

/// `given`, or picollm-compile beside the program that was called as `program`.
std::string compilerOf(const std::string &given, const std::string &program);

/// Writes the schedule of the instruction set that the compiler takes for this
/// machine; what the file says of others stays. Returns what went wrong, or "".
std::string tune(const TuneOptions &options);

#endif
