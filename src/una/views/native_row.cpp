#include "una/views/native_row.h"

#include <cmath>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/views/scores/scores.h"

namespace una::views {
namespace {

// Numbers up to here are exact integers in double and in JSON readers.
constexpr double kLargestInteger = 9007199254740992;

bool has_scores(const Example& example) {
  for (const Response& response : example.responses) {
    if (response.score) { return true; }
  }
  return false;
}

bool explains(const rows::ScoreRange& range, double raw, double score) {
  return is_inside(raw, range) && to_unit(raw, range) == score;
}

// Reading the response's raw numbers with this range gives its scores.
bool explains(const rows::ScoreRange& range, const Response& response) {
  if (response.score && !(response.raw_score && explains(range, *response.raw_score, *response.score))) {
    return false;
  }
  const RefRewards& rewards = response.ref_rewards;
  if (rewards.scores.size() != rewards.raw.size()) {
    return true;  // the row's kind has no unit for them
  }
  for (std::size_t i = 0; i < rewards.raw.size(); ++i) {
    if (!explains(range, rewards.raw[i], rewards.scores[i])) { return false; }
  }
  return true;
}

// How the scores of one row are written.
struct ScoreForm {
  bool raw = false;
  std::optional<rows::ScoreRange> range;  // score_range; nullopt: the row needs none

  Json of(const Response& response) const {
    const std::optional<double>& score = raw ? response.raw_score : response.score;
    return score ? number_json(*score) : Json();
  }
};

ScoreForm form_of(const Example& example, const std::optional<rows::ScoreRange>& range) {
  for (const Response& response : example.responses) {
    if (!explains(range.value_or(rows::ScoreRange{}), response)) { return {false, rows::ScoreRange{}}; }
  }
  return {true, range};
}

bool same_reference(const Example& example) {
  for (const Response& response : example.responses) {
    const Response& first = example.responses[0];
    if (response.sampler != first.sampler || response.ref_rewards.raw != first.ref_rewards.raw ||
        response.ref_rewards.has_own != first.ref_rewards.has_own) {
      return false;
    }
  }
  return true;
}

// Thumbs have rewards of their own (1 and 0); those of a score or of a pair are in another unit.
bool rewards_fit(const Example& example) {
  if (example.unit != Unit::kBinary || example.responses[0].ref_rewards.raw.empty()) { return true; }
  const Response& thumb = example.responses[0];
  return !thumb.raw_score && !thumb.ref_rewards.scores.empty();
}

// False when something stays behind.
bool append_reference(Json& row, const Example& example, const ScoreForm& form) {
  if (example.responses.empty()) { return true; }
  const Response& first = example.responses[0];
  if (!same_reference(example)) { return false; }
  const bool fits = rewards_fit(example);
  const RefRewards& rewards = first.ref_rewards;
  if (fits && !rewards.raw.empty()) {
    Json list = Json::array();
    const bool raw = form.raw || rewards.scores.size() != rewards.raw.size();
    for (const double reward : raw ? rewards.raw : rewards.scores) { list.push_back(number_json(reward)); }
    row["ref_rewards"] = std::move(list);
    if (rewards.has_own) { row["in_ref_rewards"] = true; }
  }
  if (first.sampler != Sampler::kUnknown) {
    row["sampled_from"] = first.sampler == Sampler::kReference ? "ref" : "policy";
  }
  return fits;
}

void append_answers(Json& row, const Example& example, const ScoreForm& form) {
  const auto& responses = example.responses;
  if (example.unit == Unit::kPair) {
    row["chosen"] = text_json(responses[0].text);
    row["rejected"] = text_json(responses[1].text);
  } else if (example.unit == Unit::kGroup) {
    row["responses"] = Json::array();
    for (const Response& response : responses) {
      row["responses"].push_back({{"content", text_json(response.text)}, {"score", form.of(response)}});
    }
  } else if (example.unit != Unit::kPrompt) {
    row["completion"] = text_json(responses[0].text);
  }
}

void append_feedback(Json& row, const Example& example, const ScoreForm& form) {
  const auto& responses = example.responses;
  if (example.unit == Unit::kBinary) { row["label"] = responses[0].label.value_or(false); }
  if (example.unit == Unit::kScore) { row["score"] = form.of(responses[0]); }
  const bool scored = example.unit != Unit::kBinary && has_scores(example);
  if (example.unit == Unit::kPair && scored) {
    row["score_chosen"] = form.of(responses[0]);
    row["score_rejected"] = form.of(responses[1]);
  }
  // Scored pairs without a range would be read as UltraFeedback's, 1 to 10.
  const bool pair = example.unit == Unit::kPair;
  if (scored && (form.range || pair)) {
    const rows::ScoreRange range = form.range.value_or(rows::ScoreRange{});
    row["score_range"] = {number_json(range.lo), number_json(range.hi)};
  }
  if (pair && example.margin) { row["margin"] = number_json(*example.margin); }
}

void append_origin(Json& row, const Example& example) {
  if (example.weight != 1) { row["weight"] = number_json(example.weight); }
  if (!example.group_id.empty()) { row["group_id"] = example.group_id; }
  if (!example.source.empty()) { row["source"] = example.source; }
}

void append_context(Json& row, const Example& example) {
  if (!example.tools.empty()) {
    row["tools"] = parse_json(example.tools, cat(example.where.text(), ": field \"tools\""));
  }
  if (!example.template_kwargs.empty()) {
    row["chat_template_kwargs"] = parse_json(example.template_kwargs, "chat_template_kwargs");
  }
  if (example.ground_truth) { row["ground_truth"] = *example.ground_truth; }
}

// Who wrote the answers; nullptr where that is not known of all.
const char* sampler_name(const Example& example) {
  const auto all = [&](Sampler sampler) {
    return !example.responses.empty() && std::all_of(example.responses.begin(), example.responses.end(),
                                                     [&](const Response& r) { return r.sampler == sampler; });
  };
  if (all(Sampler::kPolicy)) { return "policy"; }
  return all(Sampler::kReference) ? "ref" : nullptr;
}

}  // namespace

Json number_json(double value) {
  const bool integer = std::trunc(value) == value && std::abs(value) < kLargestInteger;
  if (integer && !(value == 0 && std::signbit(value))) { return static_cast<std::int64_t>(value); }
  return value;
}

void append_common(Json& row, const Example& example) {
  append_origin(row, example);
  append_context(row, example);
}

void append_kept(Json& row, const Example& example) {
  append_common(row, example);
  if (const char* sampler = sampler_name(example)) { row["sampled_from"] = sampler; }
}

Json common_row(const Example& example) {
  Json row{{"prompt", text_json(example.prompt)}};
  append_kept(row, example);
  return row;
}

NativeRow native_row(const Example& example, const std::optional<rows::ScoreRange>& range) {
  check(example.unit == Unit::kPrompt || !example.responses.empty(), "native_row: no answer");
  const ScoreForm form = form_of(example, range);
  NativeRow out{.json = {{"prompt", text_json(example.prompt)}}};
  append_answers(out.json, example, form);
  append_feedback(out.json, example, form);
  append_origin(out.json, example);
  out.lost_reference = !append_reference(out.json, example, form);
  append_context(out.json, example);
  return out;
}

}  // namespace una::views
