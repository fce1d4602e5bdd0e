#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "una/text/tokenizer.h"

namespace una::generate {

// The text of ids that grow at their end, special tokens skipped. Only the ids since the last whole character
// are decoded again, so a long text costs no more per token than a short one.
class GrowingText {
 public:
  // `left` is the tokenizer's left_context of the prompt.
  explicit GrowingText(const text::Tokenizer* tokenizer, std::vector<std::int32_t> left = {})
      : tokenizer_(tokenizer), left_(std::move(left)) {}
  // All ids so far. Returns what they add to whole() as it was before; it may end in an incomplete character.
  std::string push(const std::vector<std::int32_t>& ids);
  const std::string& whole() const { return text_; }  // whole characters only; it only grows

 private:
  const text::Tokenizer* tokenizer_;
  std::vector<std::int32_t> left_;
  std::string text_;                    // of ids before read_
  std::size_t context_ = 0, read_ = 0;  // ids [context_, read_) give the decoder its left context
};

}  // namespace una::generate
