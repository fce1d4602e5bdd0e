#include "una/generate/growing_text.h"

#include <span>

#include "una/base/format.h"

namespace una::generate {
namespace {

constexpr const char* kReplacement = "\xEF\xBF\xBD";  // a character whose bytes are not complete yet

}  // namespace

std::string GrowingText::push(const std::vector<std::int32_t>& ids) {
  const std::span<const std::int32_t> all(ids);
  std::vector<std::int32_t> window = context_ == 0 ? left_ : std::vector<std::int32_t>();
  const auto extend = [&](std::size_t begin, std::size_t end) {
    window.insert(window.end(), all.begin() + static_cast<std::ptrdiff_t>(begin),
                  all.begin() + static_cast<std::ptrdiff_t>(end));
    return tokenizer_->decode(window, true);
  };
  const std::string known = extend(context_, read_), grown = extend(read_, ids.size());
  std::string added = grown.size() > known.size() ? grown.substr(known.size()) : "";
  if (!ends_with(added, kReplacement)) {
    text_ += added;
    context_ = read_;
    read_ = ids.size();
  }
  return added;
}

}  // namespace una::generate
