#include "una/base/pattern.h"

#include <utility>

#include "una/base/bridge_call.h"

namespace una {

struct Pattern::Impl {
  explicit Impl(std::string name) : what(std::move(name)) {}
  ~Impl() { una_pattern_free(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void compile(const std::string& pattern) {
    una_text error{};
    bridge::check_status(una_pattern_new(bridge::borrow(pattern), &handle, &error), error,
                         what + " is not a regular expression that una can use");
  }
  una_found search(std::string_view text, bool with_group) const {
    una_found out{};
    una_text error{};
    bridge::check_status(una_pattern_search(handle, bridge::borrow(text), with_group, &out, &error), error,
                         what);
    return out;
  }

  std::string what;
  una_pattern* handle = nullptr;
};

Pattern::Pattern(const std::string& pattern, const std::string& what) : impl_(std::make_unique<Impl>(what)) {
  impl_->compile(pattern);
}

Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

// Compiled alone first: "a)(b" would balance the group that is put around it.
Pattern Pattern::whole(const std::string& pattern, const std::string& what) {
  const Pattern alone(pattern, what);
  return {"\\A(?:" + pattern + ")\\z", what};
}

bool Pattern::found_in(std::string_view text) const { return impl_->search(text, false).found != 0; }

std::optional<std::string> Pattern::last_group(std::string_view text) const {
  const una_found found = impl_->search(text, true);
  if (found.found == 0 || found.begin == SIZE_MAX) { return std::nullopt; }
  return std::string(text.substr(found.begin, found.end - found.begin));
}

}  // namespace una
