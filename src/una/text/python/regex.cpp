#include "una/text/python/regex.h"

#include "una/base/bridge_call.h"
#include "una/base/format.h"

namespace una::text::python {

struct Regex::Impl {
  Impl() = default;
  ~Impl() { una_regex_free(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::string what;
  una_regex* handle = nullptr;
};

Regex::Regex(const std::string& pattern, int flags) : impl_(std::make_unique<Impl>()) {
  impl_->what = cat("the regular expression '", pattern, "'");
  una_text error{};
  bridge::check_status(una_regex_new(bridge::borrow(pattern), flags, &impl_->handle, &error), error,
                       impl_->what);
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

std::vector<Regex::Match> Regex::find_all(std::string_view text) const {
  una_spans spans{};
  una_text error{};
  bridge::check_status(una_regex_find_all(impl_->handle, bridge::borrow(text), &spans, &error), error,
                       impl_->what);
  std::vector<Match> out(spans.groups == 0 ? 0 : spans.size / (2 * spans.groups));
  const std::size_t* bounds = spans.bounds;
  for (Match& match : out) {
    match.begin = bounds[0], match.end = bounds[1];
    for (std::size_t group = 0; group < spans.groups; ++group, bounds += 2) {
      const bool absent = bounds[0] == SIZE_MAX;
      match.groups.push_back(absent ? std::nullopt
                                    : std::optional(text.substr(bounds[0], bounds[1] - bounds[0])));
    }
  }
  una_spans_free(spans);
  return out;
}

std::vector<std::string_view> Regex::split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  std::size_t begin = 0;
  for (const Match& match : find_all(text)) {
    pieces.push_back(text.substr(begin, match.begin - begin));
    begin = match.end;
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

std::string Regex::replace(std::string_view text, std::string_view replacement) const {
  std::string out;
  std::size_t copied = 0;
  for (const Match& match : find_all(text)) {
    out.append(text.substr(copied, match.begin - copied));
    for (std::size_t i = 0; i < replacement.size(); ++i) {
      const bool group = replacement[i] == '\\' && i + 1 < replacement.size();
      if (!group) {
        out += replacement[i];
        continue;
      }
      const auto number = static_cast<std::size_t>(replacement[++i] - '0');
      if (number < match.groups.size() && match.groups[number]) { out.append(*match.groups[number]); }
    }
    copied = match.end;
  }
  return out.append(text.substr(copied));
}

}  // namespace una::text::python
