#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace una {

// A regular expression that a user wrote, in the dialect of docs/rewards.md ("Patterns"): that of Rust's `regex`, plus
// look-around and back-references; `.` matches line breaks too. A search takes time linear in the text; look-around and
// back-references may backtrack, and stop after a million steps. Texts are UTF-8. Immutable and thread-safe.
class Pattern {
 public:
  // `what` begins the sentences: 'reward regex:('. InputError when `pattern` is not a regular expression, or when its
  // compiled form would be too large.
  Pattern(const std::string& pattern, const std::string& what);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  // Python's re.fullmatch: `found_in` is true only where the pattern matches the whole text.
  static Pattern whole(const std::string& pattern, const std::string& what);

  // Python's re.search. InputError when the steps run out or the text is not UTF-8.
  bool found_in(std::string_view text) const;

  // The text of the pattern's last group where the pattern is found first; nullopt when it is not found or when that
  // group took no part. InputError as above.
  std::optional<std::string> last_group(std::string_view text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace una
