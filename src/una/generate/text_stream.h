#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "una/generate/growing_text.h"

namespace una::generate {

// An answer as it is shown while it grows: whole characters only, and nothing that a stop string may still
// take away.
class TextStream {
 public:
  TextStream(const text::Tokenizer* tokenizer, std::vector<std::string> stops,
             std::span<const std::int32_t> prompt = {})
      : growing_(tokenizer, tokenizer->left_context(prompt)), stops_(std::move(stops)) {}
  // All ids so far, of an answer that goes on. Returns what can be shown now and was not yet.
  std::string push(const std::vector<std::int32_t>& ids);
  // The text of the finished answer (Output::text). Returns its rest.
  std::string finish(const std::string& text);

 private:
  std::string show(const std::string& text, std::size_t end);

  GrowingText growing_;
  std::vector<std::string> stops_;
  std::size_t shown_ = 0;  // bytes
};

}  // namespace una::generate
