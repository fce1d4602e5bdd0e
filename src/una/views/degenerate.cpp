#include <algorithm>

#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/views/views.h"

namespace una::views {
namespace {

std::string number_key(const std::optional<double>& value) { return value ? std::to_string(*value) : "-"; }

// Equal for rows that say the same thing. Rows that differ only in weight or source are duplicates too.
// A thumb made of a score says no more than its thumb.
std::uint64_t example_hash(const Example& example) {
  std::string key = cat(unit_name(example.unit), '\0', rows::prompt_key(example), '\0', example.group_id);
  const bool thumb = example.unit == Unit::kBinary;
  for (const Response& response : example.responses) {
    key += cat('\0', rows::text_key(response.text), '\0', thumb ? "-" : number_key(response.score));
    key += response.label ? (*response.label ? "+" : "-") : "";
  }
  return hash_u64(key);
}

// One bad answer spoils a row, except in a group (and a list of labelled answers), which goes on without it.
void filter_answers(rows::ReadRow& row, rows::DropLog& drops) {
  std::vector<Response>& responses = row.example.responses;
  const bool list = row.example.unit == Unit::kGroup || row.example.unit == Unit::kBinary;
  const bool needs_scores = row.example.unit == Unit::kGroup || row.example.unit == Unit::kScore;
  std::vector<Response> good;
  const char* reason = "";
  for (Response& response : responses) {
    const char* problem = "";
    if (rows::is_blank(response.text)) {
      problem = rows::kEmptyAnswer;
    } else if (needs_scores && !response.score) {
      problem = rows::kScoreMissing;
    } else if (row.example.unit == Unit::kBinary && !response.label) {
      problem = rows::kLabelMissing;
    }
    if (*problem == '\0') {
      good.push_back(std::move(response));
      continue;
    }
    reason = problem;
    if (list && responses.size() > 1) { drops.add(row.example.where, problem); }
  }
  const bool whole = good.size() == responses.size();
  if (!whole && (!list || responses.size() == 1)) { row.drop = reason; }
  responses = std::move(good);
}

// A second sample of a policy is not the first one, even if it reads the same.
bool is_sample(const Example& example) {
  if (example.unit == Unit::kPrompt) { return true; }
  return !example.responses.empty() && example.responses[0].sampler != Sampler::kUnknown;
}

const char* pair_problem(const Example& example) {
  if (example.unit != Unit::kPair || example.responses.size() != 2) { return ""; }
  return rows::text_key(example.responses[0].text) == rows::text_key(example.responses[1].text)
             ? rows::kSameAnswers
             : "";
}

}  // namespace

void remove_degenerate(std::vector<rows::ReadRow>& rows, SeenRows& seen, rows::DropLog& drops) {
  std::vector<rows::ReadRow> kept;
  kept.reserve(rows.size());
  for (rows::ReadRow& row : rows) {
    if (row.drop.empty()) { filter_answers(row, drops); }
    if (row.drop.empty()) { row.drop = pair_problem(row.example); }
    if (row.drop.empty() && !is_sample(row.example) && !seen.insert(example_hash(row.example)).second) {
      row.drop = rows::kDuplicate;
    }
    if (!row.drop.empty()) {
      drops.add(row.example.where, row.drop);
    } else if (!row.example.responses.empty() || row.example.unit == Unit::kPrompt) {
      kept.push_back(std::move(row));
    }
  }
  rows = std::move(kept);
}

void remove_degenerate(std::vector<rows::ReadRow>& rows, rows::DropLog& drops) {
  SeenRows seen;
  remove_degenerate(rows, seen, drops);
}

void remove_duplicates(std::vector<Example>& examples, rows::DropLog& drops) {
  SeenRows seen;
  std::vector<Example> kept;
  kept.reserve(examples.size());
  for (Example& example : examples) {
    if (is_sample(example) || seen.insert(example_hash(example)).second) {
      kept.push_back(std::move(example));
    } else {
      drops.add(example.where, rows::kDuplicate);
    }
  }
  examples = std::move(kept);
}

}  // namespace una::views
