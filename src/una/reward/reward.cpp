#include "una/reward/reward.h"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json_line.h"
#include "una/core/text_json.h"

namespace una::reward {
namespace {

constexpr std::size_t kShownBytes = 200;

}  // namespace

Question question_of(const Example& example, std::size_t response) {
  check(response < example.responses.size(), "question_of: the row has no such answer");
  return {.prompt = example.prompt,
          .answer = example.responses[response].text,
          .tools = example.tools,
          .template_kwargs = example.template_kwargs,
          .ground_truth = example.ground_truth};
}

std::string answer_text(const Text& answer) {
  if (!answer.is_chat) { return answer.plain; }
  std::vector<std::string> contents;
  for (const Message& message : answer.messages) { contents.push_back(message.content); }
  return join(contents, "\n");
}

Json question_json(const Question& question) {
  Json row{{"prompt", text_json(question.prompt)}, {"answer", answer_text(question.answer)}};
  if (question.answer.is_chat) { row["completion"] = text_json(question.answer); }
  if (!question.tools.empty()) { row["tools"] = parse_json(question.tools, "tools"); }
  if (question.ground_truth) { row["ground_truth"] = *question.ground_truth; }
  return row;
}

std::string questions_hash(const std::vector<Example>& rows) {
  Hasher hasher;
  for (const Example& row : rows) {
    for (std::size_t r = 0; r < row.responses.size(); ++r) {
      const Question question = question_of(row, r);
      hasher.add(dump_json(question_json(question))).add(question.tools).add(question.template_kwargs);
    }
    hasher.add_number(row.responses.size());
  }
  return hasher.hex();
}

Verdict failed(std::string failure) {
  return {.score = std::nullopt, .failure = std::move(failure), .tokens = 0};
}

Verdict scored(double score) { return {.score = score, .failure = "", .tokens = 0}; }

std::vector<Verdict> win_shares(std::size_t answers,
                                const std::vector<std::pair<std::size_t, std::size_t>>& owners,
                                const std::vector<Comparer::Comparison>& results) {
  using Preference = Comparer::Preference;
  check(owners.size() == results.size(), "win_shares: one result a comparison");
  std::vector<double> won(answers, 0), played(answers, 0);
  std::vector<Verdict> verdicts(answers, failed("a judge of pairs needs two answers to a prompt"));
  for (std::size_t p = 0; p < owners.size(); ++p) {
    const auto [a, b] = owners[p];
    if (results[p].preference == Preference::kMissing) {
      verdicts[a].failure = verdicts[b].failure = results[p].failure;
      continue;
    }
    double share = 0.5;
    if (results[p].preference == Preference::kFirst) { share = 1; }
    if (results[p].preference == Preference::kSecond) { share = 0; }
    won[a] += share;
    won[b] += 1 - share;
    ++played[a];
    ++played[b];
  }
  for (std::size_t i = 0; i < answers; ++i) {
    if (played[i] > 0) { verdicts[i] = scored(won[i] / played[i]); }
  }
  return verdicts;
}

std::vector<double> weights_of_rewards(const std::vector<std::string>& rewards,
                                       const std::vector<std::string>& weights) {
  if (weights.empty()) { return std::vector<double>(rewards.size(), 1); }
  check_input(weights.size() == rewards.size(), "reward_weights has ", weights.size(), " entries for ",
              rewards.size(), " rewards");
  std::vector<double> numbers;
  for (const std::string& text : weights) {
    char* end = nullptr;
    numbers.push_back(std::strtod(text.c_str(), &end));
    check_input(!text.empty() && *end == 0 && std::isfinite(numbers.back()),
                "reward_weights: a number is needed, found '", text, "'");
  }
  return numbers;
}

Verdict verdict_of_reply(const Json& reply, const std::string& what) {
  const bool wrapped = reply.is_object() && reply.contains("score");
  const Json& score = wrapped ? reply.at("score") : reply;
  if (score.is_number() && std::isfinite(score.get<double>())) { return scored(score.get<double>()); }
  if (reply.is_object() && reply.contains("error") && reply["error"].is_string()) {
    return failed(cat(what, ": ", reply["error"].get<std::string>()));
  }
  std::string shown = dump_json(reply);
  if (shown.size() > kShownBytes) { shown = shown.substr(0, kShownBytes) + "..."; }
  return failed(cat(what, " is not a number: ", shown));
}

}  // namespace una::reward
