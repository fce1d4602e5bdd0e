#include "una/reward/rules.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"

namespace una::reward {
namespace {

// A function of the answer's text.
class Rule : public Reward {
 public:
  explicit Rule(std::string name) : name_(std::move(name)) {}
  std::vector<Verdict> score(const std::vector<Question>& questions) override {
    std::vector<Verdict> verdicts;
    for (const Question& question : questions) {
      verdicts.push_back({.score = value(answer_text(question.answer)), .failure = "", .tokens = 0});
    }
    return verdicts;
  }
  std::string description() const override { return cat("rule ", name_); }

 private:
  virtual double value(const std::string& text) const = 0;
  std::string name_;
};

double words_of(const std::string& text) {
  double words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space && !inside) words += 1;
    inside = !space;
  }
  return words;
}

class LengthRule final : public Rule {
 public:
  LengthRule(const std::string& spec, double target) : Rule(spec), target_(target) {}

 private:
  double value(const std::string& text) const override {
    return std::max(-1.0, -std::abs(words_of(text) - target_) / target_);
  }
  double target_;
};

class RegexRule final : public Rule {
 public:
  RegexRule(const std::string& spec, std::regex pattern) : Rule(spec), pattern_(std::move(pattern)) {}

 private:
  double value(const std::string& text) const override { return std::regex_search(text, pattern_) ? 1 : 0; }
  std::regex pattern_;
};

class JsonRule final : public Rule {
 public:
  JsonRule() : Rule("json") {}

 private:
  double value(const std::string& text) const override { return Json::accept(text) ? 1 : 0; }
};

class Weighted final : public Reward {
 public:
  Weighted(std::vector<std::unique_ptr<Reward>> rewards, std::vector<double> weights)
      : rewards_(std::move(rewards)), weights_(std::move(weights)) {}

  std::vector<Verdict> score(const std::vector<Question>& questions) override {
    std::vector<Verdict> total(questions.size(), Verdict{.score = 0, .failure = "", .tokens = 0});
    for (std::size_t r = 0; r < rewards_.size(); ++r) {
      const std::vector<Verdict> own = rewards_[r]->score(questions);
      check(own.size() == questions.size(), "a reward gave another number of verdicts than questions");
      for (std::size_t i = 0; i < own.size(); ++i) {
        total[i].tokens += own[i].tokens;
        const std::optional<double> sum = total[i].score, more = own[i].score;
        if (sum && more) total[i].score = *sum + weights_[r] * *more;
        if (sum && !more)
          total[i] = {.score = std::nullopt, .failure = own[i].failure, .tokens = total[i].tokens};
      }
    }
    return total;
  }

  std::string description() const override {
    std::vector<std::string> parts;
    for (std::size_t r = 0; r < rewards_.size(); ++r) {
      parts.push_back(weights_[r] == 1 ? rewards_[r]->description()
                                       : cat(significant(weights_[r], 4), " * ", rewards_[r]->description()));
    }
    return join(parts, " + ");
  }

 private:
  std::vector<std::unique_ptr<Reward>> rewards_;
  std::vector<double> weights_;
};

std::unique_ptr<Reward> length_rule(const std::string& spec, const std::string& argument) {
  char* end = nullptr;
  const double target = std::strtod(argument.c_str(), &end);
  check_input(end != argument.c_str() && *end == 0 && target >= 1,
              cat("reward ", spec, ": length needs a number of words of at least 1, as in length:40"));
  return std::make_unique<LengthRule>(spec, target);
}

std::unique_ptr<Reward> regex_rule(const std::string& spec, const std::string& argument) {
  check_input(!argument.empty(), cat("reward ", spec, ": regex needs a pattern, as in regex:^Answer:"));
  try {
    return std::make_unique<RegexRule>(spec, std::regex(argument, std::regex::ECMAScript));
  } catch (const std::regex_error& error) {
    throw InputError(cat("reward ", spec, ": the pattern is no regular expression (", error.what(), ")"));
  }
}

}  // namespace

std::string answer_text(const Text& answer) {
  if (!answer.is_chat) return answer.plain;
  std::vector<std::string> contents;
  for (const Message& message : answer.messages) contents.push_back(message.content);
  return join(contents, "\n");
}

std::vector<std::string> rule_names() { return {"length", "regex", "json", "command"}; }

std::unique_ptr<Reward> make_rule(const std::string& spec) {
  const std::size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  const std::string argument = colon == std::string::npos ? "" : spec.substr(colon + 1);
  if (name == "length") return length_rule(spec, argument);
  if (name == "regex") return regex_rule(spec, argument);
  if (name == "json") return std::make_unique<JsonRule>();
  if (name == "command") return make_command_reward(argument);
  throw InputError(
      cat("reward ", spec, ": unknown kind '", name, "' (known: model, ", join(rule_names(), ", "), ")"));
}

std::unique_ptr<Reward> make_weighted(std::vector<std::unique_ptr<Reward>> rewards,
                                      std::vector<double> weights) {
  check(!rewards.empty() && rewards.size() == weights.size(), "weighted reward: one weight a reward");
  return std::make_unique<Weighted>(std::move(rewards), std::move(weights));
}

}  // namespace una::reward
