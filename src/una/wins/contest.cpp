#include "una/wins/contest.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/text/python/strings.h"
#include "una/wins/length_control.h"
#include "una/wins/wins.h"

namespace una::wins {
namespace {

constexpr std::size_t kChunk = 32;  // duels judged together, between two looks at Ctrl-C
constexpr std::uint64_t kSeed = 42;

std::string shown(const reward::Question& question) { return reward::answer_text(question.answer); }

double length_of(const reward::Question& question) {
  return static_cast<double>(text::python::length(shown(question)));
}

void by_comparer(const std::vector<const Duel*>& duels, reward::Comparer& comparer,
                 const std::vector<Outcome*>& outcomes) {
  std::vector<reward::Comparer::Pair> pairs;
  for (const Duel* duel : duels) { pairs.push_back({&duel->candidate, &duel->opponent}); }
  const std::vector<reward::Comparer::Comparison> verdicts = comparer.compare(pairs);
  check(verdicts.size() == pairs.size(), "a comparer gave another number of verdicts than pairs");
  for (std::size_t i = 0; i < duels.size(); ++i) {
    outcomes[i]->share = share_of(verdicts[i]);
    outcomes[i]->failure = verdicts[i].failure;
  }
}

void by_scores(const std::vector<const Duel*>& duels, reward::Reward& reward,
               const std::vector<Outcome*>& outcomes) {
  std::vector<reward::Question> questions;
  for (const Duel* duel : duels) {
    questions.push_back(duel->candidate);
    questions.push_back(duel->opponent);
  }
  const std::vector<reward::Verdict> verdicts = reward.score(questions);
  check(verdicts.size() == questions.size(), "a reward gave another number of verdicts than questions");
  for (std::size_t i = 0; i < duels.size(); ++i) {
    const reward::Verdict &candidate = verdicts[2 * i], &opponent = verdicts[2 * i + 1];
    outcomes[i]->candidate_score = candidate.score;
    outcomes[i]->opponent_score = opponent.score;
    outcomes[i]->failure = candidate.failure.empty() ? opponent.failure : candidate.failure;
    if (candidate.score && opponent.score) {
      outcomes[i]->share = share_of(*candidate.score, *opponent.score);
    }
  }
}

// Sums of what the duels of a prompt say.
struct PromptSums {
  double share = 0, verdicts = 0, length = 0, candidate = 0, opponent = 0, scores = 0;
};

std::vector<PromptSums> sums_of(const std::vector<Duel>& duels, const std::vector<Outcome>& outcomes,
                                std::size_t prompts) {
  std::vector<PromptSums> sums(prompts);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if (!outcomes[i].share) { continue; }
    PromptSums& sum = sums[duels[i].prompt];
    sum.share += *outcomes[i].share;
    sum.length += length_of(duels[i].candidate) - length_of(duels[i].opponent);
    sum.verdicts += 1;
    if (!outcomes[i].candidate_score || !outcomes[i].opponent_score) { continue; }
    sum.candidate += *outcomes[i].candidate_score;
    sum.opponent += *outcomes[i].opponent_score;
    sum.scores += 1;
  }
  return sums;
}

}  // namespace

std::vector<Outcome> judge_duels(const std::vector<Duel>& duels, reward::Reward& reward,
                                 const std::function<void(double)>& advance,
                                 const std::function<bool()>& stopped) {
  std::vector<Outcome> outcomes;
  reward::Comparer* comparer = reward.comparer();
  for (std::size_t begin = 0; begin < duels.size() && !stopped(); begin += kChunk) {
    const std::size_t end = std::min(begin + kChunk, duels.size());
    outcomes.resize(end);
    std::vector<const Duel*> asked;
    std::vector<Outcome*> answers;
    for (std::size_t i = begin; i < end; ++i) {
      // Scores of equal answers are still wanted; a comparer would only be asked to tell a text from itself.
      if (comparer != nullptr && shown(duels[i].candidate) == shown(duels[i].opponent)) {
        outcomes[i].share = 0.5;
        continue;
      }
      asked.push_back(&duels[i]);
      answers.push_back(&outcomes[i]);
    }
    if (comparer != nullptr) {
      if (!asked.empty()) { by_comparer(asked, *comparer, answers); }
    } else {
      by_scores(asked, reward, answers);
    }
    advance(static_cast<double>(end - begin));
  }
  return outcomes;
}

ContestScore score_contest(const std::vector<Duel>& duels, const std::vector<Outcome>& outcomes,
                           std::size_t prompts) {
  ContestScore out;
  std::string failure;
  for (const Outcome& outcome : outcomes) {
    if (!outcome.share) {
      failure = failure.empty() ? outcome.failure : failure;
      continue;
    }
    ++(*outcome.share > 0.5 ? out.won : *outcome.share < 0.5 ? out.lost : out.tied);
  }
  std::vector<double> shares, lengths, candidate, opponent;
  for (const PromptSums& sum : sums_of(duels, outcomes, prompts)) {
    const bool known = sum.verdicts > 0;
    out.shares.push_back(known ? std::optional(sum.share / sum.verdicts) : std::nullopt);
    out.gains.push_back(sum.scores > 0 ? (sum.candidate - sum.opponent) / sum.scores : 0);
    ++(known ? out.prompts : out.missing);
    if (!known) { continue; }
    shares.push_back(sum.share / sum.verdicts);
    lengths.push_back(sum.length / sum.verdicts);
    if (sum.scores == 0) { continue; }
    candidate.push_back(sum.candidate / sum.scores);
    opponent.push_back(sum.opponent / sum.scores);
  }
  check_input(!shares.empty(), "there is no verdict at all; the first failure: ", failure);
  out.win_rate = eval::mean_interval(shares, kSeed);
  out.length_controlled = length_controlled_rate(shares, lengths);
  if (candidate.empty()) { return out; }
  out.score = eval::mean_interval(candidate, kSeed);
  out.opponent_score = eval::mean_interval(opponent, kSeed);
  out.gain = eval::paired_gain(opponent, candidate, kSeed);
  return out;
}

}  // namespace una::wins
