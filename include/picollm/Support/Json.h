//===- Json.h - JSON that nobody vouches for --------------------*- C++ -*-===//

#ifndef PICOLLM_SUPPORT_JSON_H
#define PICOLLM_SUPPORT_JSON_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace picollm {

using Json = nlohmann::json;

/// Parses a text that nobody vouches for. Refused, besides what is no JSON (or
/// no UTF-8): values nested more than 64 deep and objects that name a member
/// twice, of which every reader takes another. `subject` starts the messages:
/// "folder/config.json:".
llvm::Expected<Json> parseJson(llvm::StringRef text,
                               const llvm::Twine &subject);

/// What a message calls a value: "a string", "an object".
llvm::StringRef describeType(const Json &value);

/// The member of an object, or null if `value` is no object, has no such
/// member, or the member is JSON's null.
const Json *findMember(const Json *value, llvm::StringRef key);

/// Reads the members of a JSON object and checks their types. A member that is
/// absent or null reads as nothing. The first error is kept in a string that
/// readers share; after it, values are only good for going on.
class JsonReader {
public:
  /// Reads `value`, which may be null: then all members are absent. `subject`
  /// starts the messages: "folder/config.json". All must outlive the reader.
  JsonReader(const Json *value, std::string subject, std::string &error);

  const Json *find(llvm::StringRef key) const { return findMember(value, key); }
  bool has(llvm::StringRef key) const { return find(key); }

  std::optional<std::string> string(llvm::StringRef key);
  std::optional<bool> boolean(llvm::StringRef key);
  std::optional<int64_t> integer(llvm::StringRef key);
  /// Finite.
  std::optional<double> number(llvm::StringRef key);
  /// Null where there is none.
  const Json *array(llvm::StringRef key);
  /// Of a member that is an object.
  JsonReader object(llvm::StringRef key);
  /// Of an element, an object, of an array that is the member `key`.
  JsonReader element(const Json &value, llvm::StringRef key);

  /// Whether an error was kept, by this or another reader.
  bool failed() const { return !error.empty(); }
  /// Keeps the first error; `message` goes after the subject.
  void fail(const llvm::Twine &message);

private:
  /// Null, and an error if a member is there, unless `fits`.
  const Json *check(llvm::StringRef key, bool (Json::*fits)() const noexcept,
                    llvm::StringRef expected);

  const Json *value;
  std::string subject;
  std::string prefix; ///< of keys: "rope_scaling."
  std::string &error;
};

} // namespace picollm

#endif // PICOLLM_SUPPORT_JSON_H
