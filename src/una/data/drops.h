#pragma once

#include <map>
#include <string>
#include <vector>

#include "una/core/example.h"

namespace una::data::detail {

// Rows (or answers of a group) that were left out, in the order of finding.
class DropLog {
 public:
  void add(const Where& where, std::string reason) { drops_.push_back({where, std::move(reason)}); }
  std::int64_t size() const { return static_cast<std::int64_t>(drops_.size()); }
  std::map<std::string, std::int64_t> by_reason() const;
  Where first(const std::string& reason) const;  // by file and line; the reason is one of by_reason()
  void write(const std::string& path) const;     // JSONL {file, line, reason}, by file and line; "" : nowhere

 private:
  struct Drop {
    Where where;
    std::string reason;
  };
  std::vector<Drop> drops_;
};

// The reasons, spelled once.
inline constexpr const char* kEmptyAnswer = "empty answer";
inline constexpr const char* kSameAnswers = "chosen equals rejected";
inline constexpr const char* kDuplicate = "exact duplicate";
inline constexpr const char* kScoreMissing = "score missing";
inline constexpr const char* kNoSharedPrompt = "chosen and rejected share no prompt";
inline constexpr const char* kTooLong = "over max_length";
inline constexpr const char* kPromptTooLong = "prompt over max_prompt_length";
inline constexpr const char* kPromptFills = "prompt fills max_length";
inline constexpr const char* kNoResponseToken = "no response token left";

}  // namespace una::data::detail
