// From the bytes of tokens to text that can be shown at once.
#ifndef PICOLLM_RUNTIME_TEXTSTREAM_H
#define PICOLLM_RUNTIME_TEXTSTREAM_H

#include <string>
#include <string_view>
#include <vector>

namespace picollm::runtime {

/// Collects bytes and hands out whole UTF-8 sequences, up to the stop string
/// that is complete first, so that the text does not depend on how the bytes
/// are cut into tokens.
class TextStream {
public:
  /// The stop strings are not empty. With `keepStop` the one that appears is
  /// the end of the text, otherwise the text ends before it.
  explicit TextStream(std::vector<std::string> stopStrings,
                      bool keepStop = false)
      : stopStrings(std::move(stopStrings)), keepStop(keepStop) {}

  void append(std::string_view bytes);

  /// The text that is certain: without a sequence that the next bytes may
  /// complete and without what may become a stop string. Each byte that is
  /// not part of valid UTF-8 has become U+FFFD.
  std::string take();
  /// All that is left; bytes of an incomplete sequence become U+FFFD.
  std::string takeRest();

  /// Whether a stop string has appeared; nothing comes after it.
  bool isStopped() const { return stopped; }
  /// Which one.
  size_t getStopIndex() const { return stopIndex; }

private:
  void decode(bool final);
  void findStop();

  std::vector<std::string> stopStrings;
  bool keepStop;
  std::string bytes; ///< not yet known to be whole sequences
  std::string text;  ///< valid UTF-8 that has not been taken
  bool stopped = false;
  size_t stopIndex = 0;
};

} // namespace picollm::runtime

#endif
