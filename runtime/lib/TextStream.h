// From the bytes of tokens to text that can be shown at once.
#ifndef PICOLLM_RUNTIME_TEXTSTREAM_H
#define PICOLLM_RUNTIME_TEXTSTREAM_H

#include <string>
#include <string_view>
#include <vector>

namespace picollm::runtime {

/// Collects bytes and hands out whole UTF-8 sequences, up to the first of the
/// stop strings.
class TextStream {
public:
  /// The stop strings are not empty.
  explicit TextStream(std::vector<std::string> stopStrings)
      : stopStrings(std::move(stopStrings)) {}

  void append(std::string_view bytes);

  /// The text that is certain: without a sequence that the next bytes may
  /// complete and without what may become a stop string. Each byte that is
  /// not part of valid UTF-8 has become U+FFFD.
  std::string take();
  /// All that is left; bytes of an incomplete sequence become U+FFFD.
  std::string takeRest();

  /// Whether a stop string has appeared; nothing comes after it.
  bool isStopped() const { return stopped; }

private:
  void decode(bool final);
  void findStop();

  std::vector<std::string> stopStrings;
  std::string bytes; ///< not yet known to be whole sequences
  std::string text;  ///< valid UTF-8 that has not been taken
  bool stopped = false;
};

} // namespace picollm::runtime

#endif
