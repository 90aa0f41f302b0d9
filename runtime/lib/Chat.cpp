#include "Chat.h"
#include "Utf8.h"

using namespace picollm;
using namespace picollm::runtime;

namespace {

enum class Role { System, User, Assistant };

struct Content {
  Role role;
  std::string_view text;
};

/// What str.isspace() of Python holds for white space.
bool isSpace(uint32_t codePoint) {
  return (codePoint >= 0x09 && codePoint <= 0x0d) ||
         (codePoint >= 0x1c && codePoint <= 0x20) || codePoint == 0x85 ||
         codePoint == 0xa0 || codePoint == 0x1680 ||
         (codePoint >= 0x2000 && codePoint <= 0x200a) || codePoint == 0x2028 ||
         codePoint == 0x2029 || codePoint == 0x202f || codePoint == 0x205f ||
         codePoint == 0x3000;
}

bool isTrimmed(uint32_t codePoint, uint8_t trim) {
  return trim == PICOLLM_CHAT_TRIM_SPACE      ? isSpace(codePoint)
         : trim == PICOLLM_CHAT_TRIM_NEWLINES ? codePoint == '\n'
                                              : false;
}

Failure invalid(const std::string &message) {
  return {PICOLLM_INVALID_ARGUMENT, message};
}

Failure readRole(size_t index, const char *name, Role &role) {
  const std::string_view text = name;
  if (text == "system")
    role = Role::System;
  else if (text == "user")
    role = Role::User;
  else if (text == "assistant")
    role = Role::Assistant;
  else
    return invalid("messages[" + std::to_string(index) +
                   "].role: must be system, user or assistant, not '" +
                   std::string(text) + "'");
  return success();
}

/// The messages, the order of their roles checked.
Failure readMessages(const picollm_message *messages, size_t count,
                     std::vector<Content> &contents) {
  static const char *const names[] = {"system", "user", "assistant"};
  if (count == 0)
    return invalid("messages: there are none; the last must be the user's");
  if (!messages)
    return invalid("messages: must not be null");
  Role expected = Role::User;
  for (size_t i = 0; i < count; ++i) {
    const picollm_message &message = messages[i];
    if (!message.role || (!message.content && message.length > 0))
      return invalid("messages[" + std::to_string(i) + "]." +
                     (message.role ? "content" : "role") +
                     ": must not be null");
    Role role = Role::System;
    if (Failure failure = readRole(i, message.role, role))
      return failure;
    if (role != expected && !(role == Role::System && i == 0))
      return invalid("messages[" + std::to_string(i) + "].role: must be " +
                     names[int(expected)] + ", not " + names[int(role)] +
                     "; after at most one system message, user and assistant "
                     "take turns");
    if (role != Role::System)
      expected = role == Role::User ? Role::Assistant : Role::User;
    contents.push_back({role, message.length ? std::string_view(message.content,
                                                                message.length)
                                             : std::string_view()});
  }
  if (contents.back().role != Role::User)
    return invalid(std::string("messages: the last must be the user's, not the "
                               "one of ") +
                   names[int(contents.back().role)]);
  return success();
}

/// Writes the dialog of a checked list of contents.
class Writer {
public:
  Writer(const ChatTables &tables, ChatText &out) : tables(tables), out(out) {}

  void write(const std::vector<Content> &contents) {
    const bool hasSystem = contents[0].role == Role::System;
    const size_t count = contents.size() - hasSystem;
    const Content *turns = contents.data() + hasSystem;
    for (size_t i = 0; i <= count; ++i) {
      const picollm_chat_gap &gap =
          tables.gaps[chatGapIndex(i, count, hasSystem)];
      out.text += tables.text.substr(gap.text_offset, gap.text_bytes);
      if (gap.has_system && hasSystem)
        append(trimEnd(trimStart(contents[0].text, gap.trim_system_start),
                       gap.trim_system_end));
      if (gap.has_system)
        out.text += tables.text.substr(gap.rest_offset, gap.rest_bytes);
      if (i == count)
        break;
      const picollm_chat_gap &next =
          tables.gaps[chatGapIndex(i + 1, count, hasSystem)];
      append(trimEnd(trimStart(withoutThought(turns[i]), gap.trim_after),
                     next.trim_before));
    }
  }

private:
  std::string_view withoutThought(const Content &content) const {
    static constexpr std::string_view mark = "</think>";
    if (content.role != Role::Assistant ||
        !(tables.flags & PICOLLM_CHAT_CUT_THOUGHT))
      return content.text;
    const size_t last = content.text.rfind(mark);
    if (last == std::string_view::npos)
      return content.text;
    return trimStart(content.text.substr(last + mark.size()),
                     (tables.flags >> PICOLLM_CHAT_THOUGHT_TRIM_SHIFT) & 3);
  }

  void append(std::string_view content) {
    if (content.empty())
      return;
    const size_t begin = out.text.size();
    out.text += content;
    out.contents.push_back({begin, out.text.size()});
  }

  const ChatTables &tables;
  ChatText &out;
};

} // namespace

ChatTables ChatTables::of(const TokenizerFile &file) {
  return {file.chatGaps,
          {file.chatText.data, file.chatText.count},
          file.header.chat_flags,
          {file.chatSystemRefusal.data, file.chatSystemRefusal.count}};
}

size_t runtime::chatGapIndex(size_t index, size_t count, bool hasSystem) {
  size_t gap;
  if (index == 0)
    gap = count == 1 ? PICOLLM_CHAT_BEGIN_LAST : PICOLLM_CHAT_BEGIN;
  else if (index == count)
    gap = count == 1 ? PICOLLM_CHAT_END_LAST : PICOLLM_CHAT_END;
  else if (index % 2)
    gap = index == 1 ? PICOLLM_CHAT_FIRST_ANSWER : PICOLLM_CHAT_ANSWER;
  else
    gap = (index == 2 ? PICOLLM_CHAT_SECOND : PICOLLM_CHAT_NEXT) +
          (index + 1 == count);
  return gap + (hasSystem ? PICOLLM_CHAT_GAPS : 0);
}

std::string_view runtime::trimStart(std::string_view text, uint8_t trim) {
  while (!text.empty()) {
    const Utf8Symbol first = firstUtf8Symbol(text);
    if (!isTrimmed(first.codePoint, trim))
      break;
    text.remove_prefix(first.bytes);
  }
  return text;
}

std::string_view runtime::trimEnd(std::string_view text, uint8_t trim) {
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && (uint8_t(text[start]) & 0xc0) == 0x80)
      --start;
    const Utf8Symbol last = firstUtf8Symbol(text.substr(start));
    if (start + last.bytes != text.size() || !isTrimmed(last.codePoint, trim))
      break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

Failure runtime::writeChat(const ChatTables &tables,
                           const picollm_message *messages, size_t count,
                           ChatText &out) {
  out = {};
  std::vector<Content> contents;
  if (Failure failure = readMessages(messages, count, contents))
    return failure;
  if (contents[0].role == Role::System && !tables.systemRefusal.empty())
    return invalid("messages[0]: the model takes no system message: " +
                   std::string(tables.systemRefusal) +
                   "; say it in the first message of the user");
  for (size_t i = 0; i < count; ++i)
    if (tables.flags & (PICOLLM_CHAT_REFUSE_BLANK << int(contents[i].role)) &&
        trimStart(contents[i].text, PICOLLM_CHAT_TRIM_SPACE).empty())
      return invalid("messages[" + std::to_string(i) +
                     "].content: is blank, for which the model's chat template "
                     "has a form of its own; leave the message out");
  Writer(tables, out).write(contents);
  return success();
}
