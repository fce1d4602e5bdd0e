#pragma once

#include <map>
#include <string>
#include <vector>

#include "una/core/example.h"

namespace una::rows {

struct ReadReport;

// Rows (or answers of a group) that were left out, in the order of finding.
class DropLog {
 public:
  void add(const Where& where, std::string reason) { drops_.push_back({where, std::move(reason)}); }
  std::int64_t size() const { return static_cast<std::int64_t>(drops_.size()); }
  std::map<std::string, std::int64_t> by_reason() const;
  std::string text() const;                   // JSONL {file, line, reason}, by file and line
  void write(const std::string& path) const;  // the same as a file; "": nowhere

 private:
  // One row that was left out.
  struct Drop {
    Where where;
    std::string reason;
  };
  std::vector<Drop> drops_;
};

// InputError with the table of reasons and where each was first met, when no row was kept, or when more than
// the share `allowed` was left out. `dropped`: DropLog::text().
void check_dropped(const ReadReport& report, const std::string& dropped, double allowed);

// The reasons, spelled once.
inline constexpr const char* kEmptyAnswer = "empty answer";
inline constexpr const char* kUnfinished = "unfinished answer (finish: length)";
inline constexpr const char* kSameAnswers = "chosen equals rejected";
inline constexpr const char* kDuplicate = "exact duplicate";
inline constexpr const char* kScoreMissing = "score missing";
inline constexpr const char* kLabelMissing = "label missing";
inline constexpr const char* kNoSharedPrompt = "chosen and rejected share no prompt";
inline constexpr const char* kTooLong = "over max_length";
inline constexpr const char* kPromptTooLong = "prompt over max_prompt_length";
inline constexpr const char* kPromptFills = "prompt fills max_length";
inline constexpr const char* kNoResponseToken = "no response token left";

}  // namespace una::rows
