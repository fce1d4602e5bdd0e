#include "una/run/gold_scores.h"

#include <algorithm>
#include <map>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/data/pack.h"
#include "una/reward/reward.h"
#include "una/setup/reward_setup.h"
#include "una/views/read_examples.h"

namespace una::run {
namespace {

constexpr std::size_t kChunk = 32;  // answers judged together

// Every answer alone, with the reward's verdict as its score.
std::vector<Example> judged_rows(const std::vector<Example>& rows, reward::Reward& reward) {
  std::vector<Example> out;
  std::vector<reward::Question> questions;
  for (const Example& row : rows) {
    for (std::size_t r = 0; r < row.responses.size(); ++r) {
      questions.push_back(reward::question_of(row, r));
      Example one = row;
      one.unit = Unit::kScore;
      one.margin.reset();
      one.responses = {row.responses[r]};
      one.responses[0].label.reset();
      out.push_back(std::move(one));
    }
  }
  for (std::size_t begin = 0; begin < out.size(); begin += kChunk) {
    const std::size_t end = std::min(begin + kChunk, out.size());
    const std::vector<reward::Verdict> verdicts =
        reward.score({questions.begin() + static_cast<std::ptrdiff_t>(begin),
                      questions.begin() + static_cast<std::ptrdiff_t>(end)});
    for (std::size_t i = begin; i < end; ++i) {
      const reward::Verdict& verdict = verdicts[i - begin];
      check_input(verdict.score.has_value(), out[i].where.text(), ": gold: ", verdict.failure);
      out[i].responses[0].raw_score = out[i].responses[0].score = verdict.score;
    }
  }
  return out;
}

}  // namespace

bool names_reward(const std::string& gold) {
  return gold.find(':') != std::string::npos || gold == "exact_match" || gold == "math" || gold == "json";
}

std::unique_ptr<data::Dataset> gold_dataset(const std::string& gold, const setup::Compute& compute,
                                            rows::DataOptions options, const text::Encoder& encoder,
                                            const std::vector<Unit>& units) {
  if (!names_reward(gold)) {
    if (gold != "score") { options.columns.push_back("score=" + gold); }
    return data::load_dataset(options, encoder, units, "");
  }
  rows::ReadReport read;
  const std::vector<Example> rows = views::read_examples(options, read, "");
  const setup::Rewards rewards = setup::make_rewards({gold}, {1}, {}, compute);
  log_info(cat("gold       ", rewards.reward->description()));
  return data::make_dataset(judged_rows(rows, *rewards.reward), options, encoder);
}

void add_judged(const Row& row, Json& lines, std::vector<eval::JudgedAnswer>& judged) {
  const std::vector<SequenceMeta> answers = data::table_of(row);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const SequenceMeta& meta = answers.at(i);
    lines[i]["gold"] = meta.raw_score;
    if (meta.unit != Unit::kScore && meta.unit != Unit::kGroup) { continue; }
    judged.push_back({.prompt = static_cast<std::int64_t>(meta.group_id),
                      .log_ratio = lines[i].at("logp").get<double>() - lines[i].at("ref_logp").get<double>(),
                      .gold = meta.raw_score});
  }
}

std::string gold_report(const std::vector<eval::JudgedAnswer>& judged) {
  std::map<std::int64_t, int> answers;
  bool enough = false;
  for (const eval::JudgedAnswer& answer : judged) { enough = ++answers[answer.prompt] > 1 || enough; }
  check_input(
      enough,
      "gold: no prompt has two answers with a gold score; una generate --num_samples 8 makes more, by "
      "the reference");
  return eval::efficiency_text(eval::measure_efficiency(judged, 42));
}

}  // namespace una::run
