#include "una/wins/wins.h"

#include <algorithm>

#include "una/base/error.h"

namespace una::wins {
namespace {

// The samples of a prompt that both sides have.
std::size_t common(const std::vector<StartAnswer>& start, const rollout::Group& group) {
  return std::min(start.size(), group.answers.size());
}

// One list of samples' shares for every prompt; an empty one is a prompt without a verdict.
PromptShares by_prompt(const std::vector<std::vector<double>>& shares) {
  PromptShares out;
  for (const std::vector<double>& samples : shares) {
    double sum = 0;
    for (const double share : samples) { sum += share; }
    if (samples.empty()) {
      ++out.missing;
    } else {
      out.shares.push_back(sum / static_cast<double>(samples.size()));
    }
  }
  return out;
}

}  // namespace

double share_of(double first_score, double second_score) {
  return first_score > second_score ? 1.0 : first_score == second_score ? 0.5 : 0.0;
}

std::optional<double> share_of(const reward::Comparer::Comparison& comparison) {
  using Preference = reward::Comparer::Preference;
  switch (comparison.preference) {
    case Preference::kFirst:
      return 1.0;
    case Preference::kSecond:
      return 0.0;
    case Preference::kTie:
    case Preference::kDisagreement:
      return 0.5;
    case Preference::kMissing:
      break;
  }
  return std::nullopt;
}

StartAnswers start_answers(const std::vector<rollout::Group>& groups) {
  StartAnswers out;
  for (const rollout::Group& group : groups) {
    out.emplace_back();
    for (const rollout::Answer& answer : group.answers) {
      out.back().push_back({answer.text, answer.scored ? std::optional(answer.reward) : std::nullopt});
    }
  }
  return out;
}

Json start_json(const StartAnswers& answers) {
  Json out = Json::array();
  for (const std::vector<StartAnswer>& samples : answers) {
    Json list = Json::array();
    for (const StartAnswer& answer : samples) {
      list.push_back({{"text", answer.text}, {"score", answer.score ? Json(*answer.score) : Json(nullptr)}});
    }
    out.push_back(std::move(list));
  }
  return out;
}

StartAnswers read_start(const Json& json) {
  StartAnswers out;
  for (const Json& samples : json) {
    out.emplace_back();
    for (const Json& answer : samples) {
      const Json& score = answer.at("score");
      out.back().push_back({answer.at("text").get<std::string>(),
                            score.is_null() ? std::nullopt : std::optional(score.get<double>())});
    }
  }
  return out;
}

PromptShares shares_against(const StartAnswers& start, const std::vector<rollout::Group>& groups) {
  check(start.size() == groups.size(), "shares_against: another number of prompts than at step 0");
  std::vector<std::vector<double>> shares(groups.size());
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < common(start[g], groups[g]); ++i) {
      const rollout::Answer& now = groups[g].answers[i];
      if (now.scored && start[g][i].score) { shares[g].push_back(share_of(now.reward, *start[g][i].score)); }
    }
  }
  return by_prompt(shares);
}

PromptShares shares_against(const StartAnswers& start, const std::vector<rollout::Group>& groups,
                            reward::Comparer& comparer) {
  check(start.size() == groups.size(), "shares_against: another number of prompts than at step 0");
  std::vector<std::vector<double>> shares(groups.size());
  std::vector<reward::Question> questions;  // now and at step 0, in turn
  std::vector<std::size_t> owners;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<reward::Question> asked = rollout::questions_of(groups[g]);
    for (std::size_t i = 0; i < common(start[g], groups[g]); ++i) {
      if (groups[g].answers[i].text == start[g][i].text) {
        shares[g].push_back(0.5);
        continue;
      }
      questions.push_back(asked[i]);
      questions.push_back(asked[i]);
      questions.back().answer.plain = start[g][i].text;
      owners.push_back(g);
    }
  }
  std::vector<reward::Comparer::Pair> pairs;
  for (std::size_t p = 0; p < owners.size(); ++p) {
    pairs.push_back({&questions[2 * p], &questions[2 * p + 1]});
  }
  const std::vector<reward::Comparer::Comparison> verdicts = comparer.compare(pairs);
  check(verdicts.size() == pairs.size(), "a comparer gave another number of verdicts than pairs");
  for (std::size_t p = 0; p < owners.size(); ++p) {
    if (const std::optional<double> share = share_of(verdicts[p])) { shares[owners[p]].push_back(*share); }
  }
  return by_prompt(shares);
}

}  // namespace una::wins
