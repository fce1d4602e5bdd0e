#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "una/generate/growing_text.h"

namespace una::generate {

// Watches the text of growing ids for stop strings.
class StopText {
 public:
  // `prompt` is what the ids continue: it decides how their text begins.
  StopText(const text::Tokenizer* tokenizer, std::vector<std::string> stops,
           std::span<const std::int32_t> prompt = {});
  // After an id was added: does the text now hold a stop string that ends in what is new since the last call?
  // With `check` false the text is followed but nothing is found.
  bool push(const std::vector<std::int32_t>& ids, bool check);
  // The text of `ids` without the trailing `dropped` ids, special tokens skipped; with `cut` it ends before
  // the stop string that push() found.
  std::string text(const std::vector<std::int32_t>& ids, std::size_t dropped, bool cut) const;

 private:
  std::size_t find_stop(const std::string& text, std::size_t from) const;

  const text::Tokenizer* tokenizer_;
  std::vector<std::int32_t> left_;
  std::vector<std::string> stops_;
  std::size_t longest_ = 0;
  GrowingText growing_;
  std::size_t watched_ = 0;  // bytes of the text in which no stop string can start
};

}  // namespace una::generate
