#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "una/generate/engine.h"
#include "una/openai/wire.h"
#include "una/text/tokenizer.h"

namespace una::serve {

// The text of single tokens as it is behind other text, special tokens shown: " sea", not "▁sea" or "sea".
// Thread-safe.
class TokenTexts {
 public:
  explicit TokenTexts(const text::Tokenizer& tokenizer);
  std::string text(std::int32_t id) const;

  // Tokens as replies show them. `top` has the alternatives of each id, or is empty.
  std::vector<openai::TokenEntry> entries(const std::vector<std::int32_t>& ids,
                                          const std::vector<float>& logps,
                                          const std::vector<std::vector<generate::TopLogp>>& top) const;
  std::vector<openai::TokenEntry> entries(const std::vector<std::int32_t>& ids,
                                          const std::vector<generate::TokenLogps>& logps) const;

 private:
  openai::TokenEntry entry(std::int32_t id, float logp, const std::vector<generate::TopLogp>& top) const;

  const text::Tokenizer& tokenizer_;
  std::vector<std::int32_t> before_;  // what the token is decoded behind
  std::string before_text_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::int32_t, std::string> known_;
};

}  // namespace una::serve
