#include "una/serve/token_texts.h"

#include <cmath>

#include "una/base/format.h"

namespace una::serve {

TokenTexts::TokenTexts(const text::Tokenizer& tokenizer)
    : tokenizer_(tokenizer), before_(tokenizer.encode("a", false)) {
  if (!before_.empty()) { before_ = {before_.back()}; }
  before_text_ = tokenizer_.decode(before_, false);
}

std::string TokenTexts::text(std::int32_t id) const {
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(id);
    if (found != known_.end()) { return found->second; }
  }
  std::vector<std::int32_t> ids = before_;
  ids.push_back(id);
  const std::string both = tokenizer_.decode(ids, false);
  const std::string text =
      starts_with(both, before_text_) ? both.substr(before_text_.size()) : tokenizer_.decode({id}, false);
  const std::lock_guard lock(mutex_);
  return known_[id] = text;
}

openai::TokenEntry TokenTexts::entry(std::int32_t id, float logp,
                                     const std::vector<generate::TopLogp>& top) const {
  openai::TokenEntry out{.id = id, .text = text(id)};
  if (!std::isnan(logp)) { out.logprob = logp; }
  for (const generate::TopLogp& each : top) {
    out.top.push_back(
        {.id = each.id, .text = text(each.id), .logprob = each.logp, .rank = std::ssize(out.top) + 1});
  }
  return out;
}

std::vector<openai::TokenEntry> TokenTexts::entries(
    const std::vector<std::int32_t>& ids, const std::vector<float>& logps,
    const std::vector<std::vector<generate::TopLogp>>& top) const {
  static const std::vector<generate::TopLogp> kNone;
  std::vector<openai::TokenEntry> out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out.push_back(entry(ids[i], logps[i], i < top.size() ? top[i] : kNone));
  }
  return out;
}

std::vector<openai::TokenEntry> TokenTexts::entries(const std::vector<std::int32_t>& ids,
                                                    const std::vector<generate::TokenLogps>& logps) const {
  std::vector<openai::TokenEntry> out;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    out.push_back(entry(ids[i], logps[i].logp, logps[i].top));
    out.back().rank = logps[i].rank;
  }
  return out;
}

}  // namespace una::serve
