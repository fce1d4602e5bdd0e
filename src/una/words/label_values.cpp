#include "una/words/label_values.h"

#include <cctype>
#include <cmath>
#include <cstdlib>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/format.h"

namespace una::words {
namespace {

std::string low(std::string_view text) { return lower_ascii(std::string(trim(text))); }

// "+1", "1.0" and "1" are the same value.
std::string plain_word(std::string_view text) {
  const std::string word = low(text);
  const char* begin = word.c_str();
  char* end = nullptr;
  const double number = std::strtod(begin, &end);
  const bool is_number = end != begin && *end == '\0' && std::isfinite(number);
  return is_number ? significant(number, 15) : word;
}

std::string word_of(const Json& value) {
  constexpr std::size_t kLongest = 200;  // longer texts are not words of an option
  if (value.is_boolean()) { return value.get<bool>() ? "true" : "false"; }
  if (value.is_number()) { return significant(value.get<double>(), 15); }
  if (!value.is_string() || value.get_ref<const std::string&>().size() > kLongest) { return ""; }
  return plain_word(value.get_ref<const std::string&>());
}

}  // namespace

LabelValues::LabelValues(const std::vector<std::string>& entries) {
  constexpr const char* kForm = ", for example good=up|1|yes,bad=down|0|no";
  for (const std::string& entry : entries) {
    const std::size_t equal = entry.find('=');
    const std::string name = low(entry.substr(0, equal));
    std::set<std::string>* words = name == "good"   ? &good_
                                   : name == "bad"  ? &bad_
                                   : name == "none" ? &none_
                                                    : nullptr;
    check_input(equal != std::string::npos && words != nullptr, "--label_values: \"", entry,
                "\" is none of good=..., bad=..., none=...", kForm);
    for (const std::string& word : split(entry.substr(equal + 1), '|')) {
      check_input(!trim(word).empty(), "--label_values: \"", entry, "\" has an empty value", kForm);
      const std::string value = plain_word(word);
      check_input(good_.count(value) + bad_.count(value) + none_.count(value) == 0, "--label_values: \"",
                  word, "\" is given twice");
      words->insert(value);
    }
  }
  check_input(entries.empty() || (!good_.empty() && !bad_.empty()),
              "--label_values must name good and bad values", kForm);
}

bool LabelValues::knows(const Json& value) const {
  const std::string word = word_of(value);
  return !word.empty() &&
         (word == "true" || word == "false" || good_.count(word) + bad_.count(word) + none_.count(word) > 0);
}

std::optional<bool> LabelValues::thumb(const Json& value) const {
  const std::string word = word_of(value);
  if (good_.count(word) > 0) { return true; }
  if (bad_.count(word) > 0) { return false; }
  if (none_.count(word) > 0) { return std::nullopt; }
  return word == "true";
}

}  // namespace una::words
