#include "una/base/json_text.h"

#include <set>
#include <vector>

#include "una/base/error.h"

namespace una {
namespace {

constexpr int kMaxDepth = 500;

// Behind the quote that ends the string that begins at `at`.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') { ++at; }
  }
  return at + 1;
}

std::int64_t count_members(const Json& value) {
  if (!value.is_structured()) { return 0; }
  std::int64_t count = value.is_object() ? static_cast<std::int64_t>(value.size()) : 0;
  for (const Json& member : value) { count += count_members(member); }
  return count;
}

// Keeps the keys of the objects that are open.
class KeyWatch {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    if (event == Json::parse_event_t::object_start) { open_.emplace_back(); }
    if (event == Json::parse_event_t::object_end) { open_.pop_back(); }
    if (event == Json::parse_event_t::key && !open_.back().insert(value.get<std::string>()).second &&
        !found_) {
      found_ = DuplicateKey{value.get<std::string>(), elements_};
    }
    const bool ends = event != Json::parse_event_t::key && event != Json::parse_event_t::object_start &&
                      event != Json::parse_event_t::array_start;
    if (ends && depth == 1) { ++elements_; }
    return true;
  }
  std::optional<DuplicateKey> found(bool in_list) const {
    if (!found_ || in_list) { return found_; }
    return DuplicateKey{found_->key, 0};
  }

 private:
  std::vector<std::set<std::string>> open_;
  std::optional<DuplicateKey> found_;
  std::int64_t elements_ = 0;  // of the outermost list or object that have ended
};

}  // namespace

JsonOutline outline_json(std::string_view text) {
  JsonOutline out;
  int depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char letter = text[at];
    if (letter == '"') {
      at = string_end(text, at);
      continue;
    }
    ++at;
    if (letter == ':') { ++out.members; }
    if (letter == ',' || letter == '[' || letter == '{') { ++out.values; }
    if (letter == '[' || letter == '{') { out.too_deep = out.too_deep || ++depth > kMaxDepth; }
    if (letter == ']' || letter == '}') { --depth; }
  }
  return out;
}

std::optional<DuplicateKey> find_duplicate_key(std::string_view text, const Json& value,
                                               std::int64_t members) {
  if (count_members(value) == members) { return std::nullopt; }
  KeyWatch watch;
  const Json again = Json::parse(
      text.begin(), text.end(),
      [&](int depth, Json::parse_event_t event, const Json& parsed) { return watch(depth, event, parsed); });
  check(again.type() == value.type(), "find_duplicate_key: the text is of another value");
  return watch.found(value.is_array());
}

std::string json_reason(const Json::exception& error) {
  constexpr std::size_t kShown = 300;  // it quotes what it read, however long that is
  std::string text = error.what();
  const std::size_t at = text.find("] ");
  if (at != std::string::npos) { text.erase(0, at + 2); }
  if (text.size() <= kShown) { return text; }
  std::size_t end = kShown;
  while ((static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) { --end; }
  return text.substr(0, end) + "...";
}

}  // namespace una
