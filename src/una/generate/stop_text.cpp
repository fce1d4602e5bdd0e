#include "una/generate/stop_text.h"

#include <algorithm>
#include <utility>

namespace una::generate {

StopText::StopText(const text::Tokenizer* tokenizer, std::vector<std::string> stops,
                   std::span<const std::int32_t> prompt)
    : tokenizer_(tokenizer),
      left_(tokenizer == nullptr ? std::vector<std::int32_t>() : tokenizer->left_context(prompt)),
      stops_(std::move(stops)),
      growing_(tokenizer, left_) {
  for (const std::string& stop : stops_) { longest_ = std::max(longest_, stop.size()); }
}

std::size_t StopText::find_stop(const std::string& text, std::size_t from) const {
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_) { first = std::min(first, text.find(stop, from)); }
  return first;
}

bool StopText::push(const std::vector<std::int32_t>& ids, bool check) {
  if (stops_.empty()) { return false; }
  const std::string before = growing_.whole();
  const std::string now = before + growing_.push(ids);
  if (check && find_stop(now, watched_) != std::string::npos) { return true; }
  // A stop string found later may begin in the last longest - 1 bytes; unchecked text is left behind.
  const std::size_t overlap = check ? longest_ - 1 : 0;
  const std::size_t whole = growing_.whole().size();
  watched_ = std::max(watched_, whole > overlap ? whole - overlap : 0);
  return false;
}

std::string StopText::text(const std::vector<std::int32_t>& ids, std::size_t dropped, bool cut) const {
  if (tokenizer_ == nullptr) { return ""; }
  std::string whole = tokenizer_->decode_after(left_, std::span(ids).first(ids.size() - dropped));
  if (!cut) { return whole; }
  const std::size_t at = find_stop(whole, std::min(watched_, whole.size()));
  return at == std::string::npos ? whole : whole.substr(0, at);
}

}  // namespace una::generate
