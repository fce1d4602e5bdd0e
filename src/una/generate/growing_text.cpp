#include "una/generate/growing_text.h"

#include "una/base/format.h"

namespace una::generate {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // a character whose bytes are not complete yet

}  // namespace

std::string GrowingText::push(const std::vector<std::int32_t>& ids) {
  const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(context_);
  const auto middle = ids.begin() + static_cast<std::ptrdiff_t>(read_);
  const std::string known = tokenizer_->decode({begin, middle}, true);
  const std::string grown = tokenizer_->decode({begin, ids.end()}, true);
  std::string added = grown.size() > known.size() ? grown.substr(known.size()) : "";
  if (!ends_with(added, kReplacement)) {
    text_ += added;
    context_ = read_;
    read_ = ids.size();
  }
  return added;
}

}  // namespace una::generate
