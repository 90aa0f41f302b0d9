// What the command line of picollm-run says.
#ifndef PICOLLM_RUN_OPTIONS_H
#define PICOLLM_RUN_OPTIONS_H

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct Options {
  std::string directory;
  std::optional<std::string> prompt; ///< absent: from standard input
  bool chat = false;
  std::string system;               ///< what --chat begins with; empty: nothing
  std::optional<int64_t> maxTokens; ///< absent: 256, in a conversation 0
  double temperature = 0;
  double topP = 1;
  int64_t topK = 0;
  double presencePenalty = 0, frequencyPenalty = 0;
  uint64_t seed = 0;
  std::vector<std::string> stop;
  int64_t context = 0;
  int32_t threads = 0;
  std::string loadSession, saveSession; ///< files, or empty
  bool json = false;
  std::optional<int32_t> topChoices; ///< absent: tokens are not reported
  bool verify = false, hugePages = false;
  bool stats = false;
};

/// Reads the command line. Where there is nothing to run (--help, an error,
/// which has been printed), returns the exit status in `status`, else leaves it
/// empty.
Options parseCommandLine(int argc, char **argv, std::optional<int> &status);

#endif
