//===- FactorTemplate.cpp - the text around the messages ------------------===//
//
// Contents of the probes are searched in what the template makes of them. What
// lies between two of them is a gap, and must be the same wherever a gap of its
// name occurs. Then the same dialogs with white space around each content tell
// what is trimmed.
//
//===----------------------------------------------------------------------===//

#include "ProbeDialogs.h"
#include "VerifyFormat.h"

using namespace picollm;
using llvm::StringRef;

namespace {

llvm::Error error(const llvm::Twine &message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), "%s",
                                 message.str().c_str());
}

/// picollm_chat_gap with its texts.
struct Gap {
  bool isKnown = false;
  bool hasSystem = false;
  bool hasTrims = false;
  std::string text, rest;
  uint8_t before = 0, systemStart = 0, systemEnd = 0, after = 0;

  bool sameText(const Gap &other) const {
    return hasSystem == other.hasSystem && text == other.text &&
           rest == other.rest;
  }
  bool sameTrims(const Gap &other) const {
    return before == other.before && systemStart == other.systemStart &&
           systemEnd == other.systemEnd && after == other.after;
  }
};

class Factoring {
public:
  explicit Factoring(DialogRenderer render) : render(render) {}
  llvm::Expected<ChatFormat> run();

private:
  /// The longest has every kind of gap.
  static constexpr size_t longestProbe = 7;

  llvm::Error readProbes(llvm::ArrayRef<Dialog> dialogs,
                         llvm::ArrayRef<RenderedDialog> rendered);
  llvm::Error findGaps(const Dialog &dialog, StringRef text);
  llvm::Error findGap(const Dialog &dialog, StringRef between, Gap &gap);
  llvm::Error findTrims(const Dialog &dialog, StringRef text);
  bool matchTrims(Gap &gap, bool isFirst, bool isLast, StringRef between);
  void findThoughts(const Dialog &dialog, const RenderedDialog &rendered);
  ChatFormat makeFormat() const;

  DialogRenderer render;
  Gap gaps[2 * PICOLLM_CHAT_GAPS];
  std::string systemRefusal;
  uint32_t flags = 0;
};

/// The parts of `text` before, between and after the contents of the messages
/// of user and assistant; empty if they are not there once each, in order.
std::vector<StringRef> splitAtContents(const Dialog &dialog, StringRef text) {
  std::vector<StringRef> parts;
  for (size_t i = hasSystemMessage(dialog); i < dialog.size(); ++i) {
    StringRef content = StringRef(dialog[i].content).trim();
    size_t at = text.find(content);
    if (at == StringRef::npos)
      return {};
    parts.push_back(text.take_front(at));
    text = text.drop_front(at + content.size());
  }
  parts.push_back(text);
  for (StringRef part : parts)
    for (size_t i = hasSystemMessage(dialog); i < dialog.size(); ++i)
      if (part.contains(StringRef(dialog[i].content).trim()))
        return {};
  return parts;
}

/// What is left of a padding.
std::string startLeft(uint8_t trim) {
  return std::string(runtime::trimStart(paddingStart, trim));
}
std::string endLeft(uint8_t trim) {
  return std::string(runtime::trimEnd(paddingEnd, trim));
}

} // namespace

llvm::Error Factoring::findGap(const Dialog &dialog, StringRef between,
                               Gap &gap) {
  gap.isKnown = true;
  auto [text, rest] = between.split(StringRef(dialog[0].content).trim());
  if (!hasSystemMessage(dialog) || text.size() == between.size()) {
    gap.text = between.str();
    return llvm::Error::success();
  }
  if (rest.contains(StringRef(dialog[0].content).trim()))
    return error("it writes the system message twice");
  gap.hasSystem = true;
  gap.text = text.str();
  gap.rest = rest.str();
  return llvm::Error::success();
}

llvm::Error Factoring::findGaps(const Dialog &dialog, StringRef text) {
  const bool hasSystem = hasSystemMessage(dialog);
  const size_t count = dialog.size() - hasSystem;
  std::vector<StringRef> parts = splitAtContents(dialog, text);
  if (parts.empty())
    return error("it does not write each message once and in order, in " +
                 describe(dialog));
  size_t systems = 0;
  for (size_t i = 0; i <= count; ++i) {
    Gap gap;
    if (llvm::Error problem = findGap(dialog, parts[i], gap))
      return problem;
    systems += gap.hasSystem;
    Gap &known = gaps[runtime::chatGapIndex(i, count, hasSystem)];
    if (known.isKnown && !known.sameText(gap))
      return error("the text in front of message " + llvm::Twine(i + 1) +
                   " is not the same in longer dialogs, in " +
                   describe(dialog));
    known = gap;
  }
  if (hasSystem && systems != 1)
    return error("it does not write the system message once, in " +
                 describe(dialog));
  return llvm::Error::success();
}

/// Finds the trims with which `gap` would give the text between two padded
/// contents.
bool Factoring::matchTrims(Gap &gap, bool isFirst, bool isLast,
                           StringRef between) {
  constexpr uint8_t ways = PICOLLM_CHAT_TRIM_NEWLINES + 1;
  for (gap.before = 0; gap.before < (isFirst ? 1 : ways); ++gap.before)
    for (gap.after = 0; gap.after < (isLast ? 1 : ways); ++gap.after) {
      std::string start = (isFirst ? "" : endLeft(gap.before)) + gap.text;
      std::string end = isLast ? "" : startLeft(gap.after);
      if (!gap.hasSystem) {
        if (between == start + end)
          return true;
        continue;
      }
      for (gap.systemStart = 0; gap.systemStart < ways; ++gap.systemStart)
        for (gap.systemEnd = 0; gap.systemEnd < ways; ++gap.systemEnd)
          if (between == start + startLeft(gap.systemStart) +
                             probeDialog(1, true)[0].content +
                             endLeft(gap.systemEnd) + gap.rest + end)
            return true;
    }
  return false;
}

llvm::Error Factoring::findTrims(const Dialog &dialog, StringRef text) {
  const bool hasSystem = hasSystemMessage(dialog);
  const size_t count = dialog.size() - hasSystem;
  std::vector<StringRef> parts = splitAtContents(dialog, text);
  for (size_t i = 0; i <= count; ++i) {
    Gap &known = gaps[runtime::chatGapIndex(i, count, hasSystem)];
    Gap gap = known;
    if (parts.empty() || !matchTrims(gap, i == 0, i == count, parts[i]) ||
        (known.hasTrims && !known.sameTrims(gap)))
      return error("it changes the white space around messages in a way that "
                   "is not known, in " +
                   describe(dialog));
    known = gap;
    known.hasTrims = true;
  }
  return llvm::Error::success();
}

/// Everything about dialogs with, or without, a system message: `rendered` is
/// what became of `dialogs`, the probes and then the probes with padding.
llvm::Error Factoring::readProbes(llvm::ArrayRef<Dialog> dialogs,
                                  llvm::ArrayRef<RenderedDialog> rendered) {
  if (hasSystemMessage(dialogs[0])) {
    if (!rendered[0].error.empty())
      systemRefusal = "its chat template says '" + rendered[0].error + "'";
    else if (!StringRef(rendered[0].text).contains(dialogs[0][0].content))
      systemRefusal = "its chat template leaves it out";
    if (!systemRefusal.empty())
      return llvm::Error::success();
  }
  for (size_t i = 0; i < dialogs.size(); ++i) {
    if (!rendered[i].error.empty())
      return error("it refuses " + describe(dialogs[i]) + ": " +
                   rendered[i].error);
    if (llvm::Error problem = i < dialogs.size() / 2
                                  ? findGaps(dialogs[i], rendered[i].text)
                                  : findTrims(dialogs[i], rendered[i].text))
      return problem;
  }
  return llvm::Error::success();
}

/// Some templates leave out what a model has thought.
void Factoring::findThoughts(const Dialog &dialog,
                             const RenderedDialog &rendered) {
  for (uint32_t trim = 0; trim <= PICOLLM_CHAT_TRIM_NEWLINES; ++trim) {
    flags = PICOLLM_CHAT_CUT_THOUGHT | trim << PICOLLM_CHAT_THOUGHT_TRIM_SHIFT;
    if (writeDialog(makeFormat(), dialog) == rendered.text)
      return;
  }
  flags = 0;
}

ChatFormat Factoring::makeFormat() const {
  ChatFormat format;
  format.refusal.clear();
  format.systemRefusal = systemRefusal;
  format.flags = flags;
  for (const Gap &gap : gaps) {
    picollm_chat_gap &stored = format.gaps.emplace_back();
    stored = {};
    stored.text_offset = uint32_t(format.text.size());
    stored.text_bytes = uint32_t(gap.text.size());
    format.text += gap.text;
    stored.rest_offset = uint32_t(format.text.size());
    stored.rest_bytes = uint32_t(gap.rest.size());
    format.text += gap.rest;
    stored.has_system = gap.hasSystem;
    stored.trim_before = gap.before;
    stored.trim_system_start = gap.systemStart;
    stored.trim_system_end = gap.systemEnd;
    stored.trim_after = gap.after;
  }
  return format;
}

llvm::Expected<ChatFormat> Factoring::run() {
  std::vector<Dialog> dialogs;
  for (bool hasSystem : {false, true})
    for (bool hasPadding : {false, true})
      for (size_t count = 1; count <= longestProbe; count += 2) {
        Dialog probe = probeDialog(count, hasSystem);
        dialogs.push_back(hasPadding ? withPadding(probe) : probe);
      }
  dialogs.push_back(probeDialog(3, false));
  dialogs.back()[1].content = "ZqThoughtWv</think>\n\n ZqReplyWv";
  auto rendered = render(dialogs);
  if (!rendered)
    return rendered.takeError();
  llvm::ArrayRef<Dialog> asked = dialogs;
  llvm::ArrayRef<RenderedDialog> answers = *rendered;
  const size_t half = dialogs.size() / 2;
  for (size_t first : {size_t(0), half})
    if (llvm::Error problem =
            readProbes(asked.slice(first, half), answers.slice(first, half)))
      return std::move(problem);
  findThoughts(asked.back(), answers.back());
  ChatFormat format = makeFormat();
  if (llvm::Error problem = verifyFormat(render, format))
    return std::move(problem);
  return format;
}

llvm::Expected<ChatFormat> picollm::factorChatTemplate(DialogRenderer render) {
  return Factoring(render).run();
}
