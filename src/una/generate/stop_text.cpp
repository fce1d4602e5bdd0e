#include "una/generate/stop_text.h"

#include <algorithm>
#include <utility>

#include "una/base/format.h"

namespace una::generate {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // a character whose bytes are not complete yet

}  // namespace

StopText::StopText(const text::Tokenizer* tokenizer, std::vector<std::string> stops)
    : tokenizer_(tokenizer), stops_(std::move(stops)) {
  for (const std::string& stop : stops_) longest_ = std::max(longest_, stop.size());
}

std::size_t StopText::find_stop(const std::string& text, std::size_t from) const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) first = std::min(first, text.find(stop, from));
  return first;
}

bool StopText::push(const std::vector<std::int32_t>& ids, bool check) {
  if (stops_.empty()) return false;
  const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(context_);
  const auto middle = ids.begin() + static_cast<std::ptrdiff_t>(read_);
  const std::string known = tokenizer_->decode({begin, middle}, true);
  const std::string grown = tokenizer_->decode({begin, ids.end()}, true);
  const std::string added = grown.size() > known.size() ? grown.substr(known.size()) : "";
  const std::string now = text_ + added;
  const bool found = check && find_stop(now, watched_) != std::string::npos;
  if (found) return true;
  if (!ends_with(added, kReplacement)) {
    text_ = now;
    context_ = read_;
    read_ = ids.size();
  }
  // A stop string found later may begin in the last longest - 1 bytes; unchecked text is left behind.
  const std::size_t overlap = check ? longest_ - 1 : 0;
  watched_ = std::max(watched_, text_.size() > overlap ? text_.size() - overlap : 0);
  return false;
}

std::string StopText::text(const std::vector<std::int32_t>& ids, std::size_t dropped, bool cut) const {
  if (tokenizer_ == nullptr) return "";
  std::string whole =
      tokenizer_->decode({ids.begin(), ids.end() - static_cast<std::ptrdiff_t>(dropped)}, true);
  if (!cut) return whole;
  const std::size_t at = find_stop(whole, std::min(watched_, whole.size()));
  return at == std::string::npos ? whole : whole.substr(0, at);
}

}  // namespace una::generate
