#include "una/generate/text_stream.h"

#include <algorithm>

namespace una::generate {
namespace {

// Bytes at the end of the text that may be the beginning of `stop`.
std::size_t open_end(const std::string& text, const std::string& stop) {
  for (std::size_t size = std::min(text.size(), stop.size() - 1); size > 0; --size) {
    if (text.compare(text.size() - size, size, stop, 0, size) == 0) { return size; }
  }
  return 0;
}

}  // namespace

std::string TextStream::show(const std::string& text, std::size_t end) {
  if (end <= shown_) { return ""; }
  std::string out = text.substr(shown_, end - shown_);
  shown_ = end;
  return out;
}

std::string TextStream::push(const std::vector<std::int32_t>& ids) {
  growing_.push(ids);
  const std::string& text = growing_.whole();
  std::size_t held = 0;
  for (const std::string& stop : stops_) { held = std::max(held, open_end(text, stop)); }
  return show(text, text.size() - held);
}

std::string TextStream::finish(const std::string& text) { return show(text, text.size()); }

}  // namespace una::generate
