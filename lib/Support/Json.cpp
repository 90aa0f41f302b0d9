//===- Json.cpp - JSON that nobody vouches for ----------------------------===//

#include "picollm/Support/Json.h"
#include "picollm/Support/Quote.h"
#include <cmath>
#include <vector>

using namespace picollm;
using llvm::createStringError;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

namespace {

/// Builds the value from the events of nlohmann's parser, which itself does not
/// recurse. Every handler answers whether to go on.
class Builder : public nlohmann::json_sax<Json> {
public:
  Json result;
  std::string error;

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(number_integer_t value) override { return add(value); }
  bool number_unsigned(number_unsigned_t value) override { return add(value); }
  bool number_float(number_float_t value, const string_t &) override {
    return add(value);
  }
  bool string(string_t &value) override { return add(std::move(value)); }
  bool binary(binary_t &) override { return fail("holds binary data"); }

  bool start_object(std::size_t) override { return open(Json::object()); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_array() override { return close(); }

  bool key(string_t &name) override {
    auto [member, isNew] =
        containers.back()->get_ref<Json::object_t &>().try_emplace(name);
    if (!isNew)
      return fail("names the member " + quote(name) + " twice");
    slot = &member->second;
    return true;
  }

  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::detail::exception &) override {
    return fail("is no valid JSON at byte " + Twine(position) +
                "; it is damaged or was cut short");
  }

private:
  bool fail(const Twine &message) {
    if (error.empty())
      error = message.str();
    return false;
  }

  Json *place(Json value) {
    if (containers.empty()) {
      result = std::move(value);
      return &result;
    }
    if (Json::array_t *array = containers.back()->get_ptr<Json::array_t *>())
      return &array->emplace_back(std::move(value));
    *slot = std::move(value);
    return slot;
  }

  bool add(Json value) {
    place(std::move(value));
    return true;
  }

  bool open(Json value) {
    const size_t limit = 64;
    if (containers.size() == limit)
      return fail("nests values more than " + Twine(limit) + " deep");
    // Stays where it is: its container does not grow before it is closed.
    containers.push_back(place(std::move(value)));
    return true;
  }

  bool close() {
    containers.pop_back();
    return true;
  }

  std::vector<Json *> containers; ///< those that are open, outermost first
  Json *slot = nullptr;           ///< of the member whose name was read last
};

} // namespace

Expected<Json> picollm::parseJson(StringRef text, const Twine &subject) {
  Builder builder;
  if (Json::sax_parse(text.begin(), text.end(), &builder))
    return std::move(builder.result);
  return createStringError(subject + " " + builder.error);
}

StringRef picollm::describeType(const Json &value) {
  switch (value.type()) {
  case Json::value_t::null:
    return "null";
  case Json::value_t::object:
    return "an object";
  case Json::value_t::array:
    return "an array";
  case Json::value_t::string:
    return "a string";
  case Json::value_t::boolean:
    return "a boolean";
  case Json::value_t::number_integer:
  case Json::value_t::number_unsigned:
    return "a whole number";
  case Json::value_t::number_float:
    return "a number";
  case Json::value_t::binary:
  case Json::value_t::discarded:
    break;
  }
  return "of an unknown type";
}

const Json *picollm::findMember(const Json *value, StringRef key) {
  if (!value || !value->is_object())
    return nullptr;
  auto found = value->find(key.str());
  return found == value->end() || found->is_null() ? nullptr : &*found;
}

JsonReader::JsonReader(const Json *value, std::string subject,
                       std::string &error)
    : value(value), subject(std::move(subject)), error(error) {
  if (value && !value->is_object())
    fail("is " + describeType(*value) + ", expected an object");
}

void JsonReader::fail(const Twine &message) {
  if (error.empty())
    error = (subject + ": " + message).str();
}

const Json *JsonReader::check(StringRef key,
                              bool (Json::*fits)() const noexcept,
                              StringRef expected) {
  const Json *member = find(key);
  if (!member || (member->*fits)())
    return member;
  fail(quote(prefix + key.str()) + " is " + describeType(*member) +
       ", expected " + expected);
  return nullptr;
}

std::optional<std::string> JsonReader::string(StringRef key) {
  const Json *member = check(key, &Json::is_string, "a string");
  if (!member)
    return std::nullopt;
  return member->get_ref<const std::string &>();
}

std::optional<bool> JsonReader::boolean(StringRef key) {
  const Json *member = check(key, &Json::is_boolean, "true or false");
  if (!member)
    return std::nullopt;
  return member->get<bool>();
}

std::optional<int64_t> JsonReader::integer(StringRef key) {
  const Json *member = check(key, &Json::is_number_integer, "a whole number");
  if (!member)
    return std::nullopt;
  if (member->is_number_unsigned() && member->get<uint64_t>() > INT64_MAX) {
    fail(quote(prefix + key.str()) + " is larger than any number here can be");
    return std::nullopt;
  }
  return member->get<int64_t>();
}

std::optional<double> JsonReader::number(StringRef key) {
  const Json *member = check(key, &Json::is_number, "a number");
  if (!member)
    return std::nullopt;
  return member->get<double>();
}

const Json *JsonReader::array(StringRef key) {
  return check(key, &Json::is_array, "an array");
}

JsonReader JsonReader::object(StringRef key) {
  JsonReader reader(check(key, &Json::is_object, "an object"), subject, error);
  reader.prefix = prefix + key.str() + ".";
  return reader;
}

JsonReader JsonReader::element(const Json &value, StringRef key) {
  bool isObject = value.is_object();
  if (!isObject)
    fail("an element of " + quote(prefix + key.str()) + " is " +
         describeType(value) + ", expected an object");
  JsonReader reader(isObject ? &value : nullptr, subject, error);
  reader.prefix = prefix + key.str() + ".";
  return reader;
}
