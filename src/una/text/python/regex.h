#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace una::text::python {

// A regular expression of Python's `re`, for scorers that were written in Python and must agree with it: its classes
// and word borders, `$` before a last line break. What differs still: bridge/src/python_regex.rs. Texts are UTF-8.
// Immutable and thread-safe.
class Regex {
 public:
  enum Flags : std::uint8_t { kNone = 0, kIgnoreCase = 1, kMultiline = 2, kDotAll = 4 };  // summed

  // InputError when Python would refuse the pattern as well.
  explicit Regex(const std::string& pattern, int flags = kNone);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // One match: the whole first, then its groups; nullopt for a group that took no part. Views into the text.
  struct Match {
    std::size_t begin = 0, end = 0;
    std::vector<std::optional<std::string_view>> groups;
    std::string_view text() const { return *groups[0]; }
  };
  // re.finditer. InputError when the pattern needs more than ten million steps on this text.
  std::vector<Match> find_all(std::string_view text) const;
  bool found_in(std::string_view text) const { return !find_all(text).empty(); }  // re.search
  std::vector<std::string_view> split(std::string_view text) const;               // re.split without groups
  // re.sub; in `replacement`, \1 to \9 are groups and \0 is the whole match.
  std::string replace(std::string_view text, std::string_view replacement) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace una::text::python
