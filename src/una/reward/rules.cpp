#include "una/reward/rules.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/pattern.h"
#include "una/reward/math_answer.h"

namespace una::reward {
namespace {

// A function of the answer's text.
class Rule : public Reward {
 public:
  explicit Rule(std::string name, ScoreScale scale = {}) : name_(std::move(name)), scale_(scale) {}
  std::vector<Verdict> score(const std::vector<Question>& questions) override {
    std::vector<Verdict> verdicts;
    for (const Question& question : questions) { verdicts.push_back(verdict(question)); }
    return verdicts;
  }
  std::string description() const override { return cat("rule ", name_); }
  std::optional<ScoreScale> scale() const override { return scale_; }

 private:
  virtual Verdict verdict(const Question& question) const {
    return scored(value(answer_text(question.answer)));
  }
  virtual double value(const std::string& text) const = 0;
  std::string name_;
  ScoreScale scale_;
};

// Compares with the row's ground truth.
class TruthRule : public Rule {
 public:
  using Rule::Rule;

 private:
  Verdict verdict(const Question& question) const override {
    if (!question.ground_truth) {
      return failed("the row has no ground truth to compare with (--ground_truth_column names its field)");
    }
    return scored(agrees(answer_text(question.answer), *question.ground_truth) ? 1 : 0);
  }
  double value(const std::string&) const override {
    throw InternalError("TruthRule: no value without a truth");
  }
  virtual bool agrees(const std::string& answer, const std::string& truth) const = 0;
};

// 1 where the answer is the ground truth.
class ExactRule final : public TruthRule {
 public:
  ExactRule(const std::string& spec, bool loose) : TruthRule(spec), loose_(loose) {}

 private:
  bool agrees(const std::string& answer, const std::string& truth) const override {
    if (loose_) { return loose_text(answer) == loose_text(truth); }
    return trim(answer) == trim(truth);
  }
  bool loose_;
};

// 1 where the answer's result is the ground truth's.
class MathRule final : public TruthRule {
 public:
  MathRule(const std::string& spec, double tolerance) : TruthRule(spec), tolerance_(tolerance) {}

 private:
  bool agrees(const std::string& answer, const std::string& truth) const override {
    return same_result(answer, truth, tolerance_);
  }
  double tolerance_;
};

double words_of(const std::string& text) {
  double words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (!space && !inside) { words += 1; }
    inside = !space;
  }
  return words;
}

// How near the answer is to a number of words.
class LengthRule final : public Rule {
 public:
  LengthRule(const std::string& spec, double target) : Rule(spec, {-1, 0}), target_(target) {}

 private:
  double value(const std::string& text) const override {
    return std::max(-1.0, -std::abs(words_of(text) - target_) / target_);
  }
  double target_;
};

// 1 where a pattern is found.
class RegexRule final : public Rule {
 public:
  RegexRule(const std::string& spec, const std::string& pattern)
      : Rule(spec), pattern_(pattern, "reward " + spec) {}

 private:
  // A search that needs too many steps is a failure of this answer, not of the run.
  Verdict verdict(const Question& question) const override {
    try {
      return scored(value(answer_text(question.answer)));
    } catch (const InputError& error) { return failed(error.what()); }
  }
  double value(const std::string& text) const override { return pattern_.found_in(text) ? 1 : 0; }
  Pattern pattern_;
};

// 1 for valid JSON.
class JsonRule final : public Rule {
 public:
  JsonRule() : Rule("json") {}

 private:
  double value(const std::string& text) const override { return Json::accept(text) ? 1 : 0; }
};

// The sum of several rewards.
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
        if (sum && more) { total[i].score = *sum + weights_[r] * *more; }
        if (sum && !more) {
          total[i] = {.score = std::nullopt, .failure = own[i].failure, .tokens = total[i].tokens};
        }
      }
    }
    return total;
  }

  // Sums of declared scales; unknown as soon as one part's is.
  std::optional<ScoreScale> scale() const override {
    ScoreScale sum{0, 0};
    for (std::size_t r = 0; r < rewards_.size(); ++r) {
      const std::optional<ScoreScale> own = rewards_[r]->scale();
      if (!own || weights_[r] == 0) { return std::nullopt; }
      sum.lo += weights_[r] * (weights_[r] > 0 ? own->lo : own->hi);
      sum.hi += weights_[r] * (weights_[r] > 0 ? own->hi : own->lo);
    }
    return sum;
  }
  bool is_thumbs() const override { return alone() && rewards_[0]->is_thumbs(); }
  // Models among the parts compute here, on the processors that generate.
  bool waits() const override {
    return std::all_of(rewards_.begin(), rewards_.end(), [](const auto& reward) { return reward->waits(); });
  }
  Comparer* comparer() override { return alone() ? rewards_[0]->comparer() : nullptr; }
  std::string account() const override {
    std::vector<std::string> parts;
    for (const auto& reward : rewards_) {
      if (std::string own = reward->account(); !own.empty()) { parts.push_back(std::move(own)); }
    }
    return join(parts, "; ");
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
  bool alone() const { return rewards_.size() == 1 && weights_[0] == 1; }

  std::vector<std::unique_ptr<Reward>> rewards_;
  std::vector<double> weights_;
};

std::unique_ptr<Reward> length_rule(const std::string& spec, const std::string& argument) {
  char* end = nullptr;
  const double target = std::strtod(argument.c_str(), &end);
  check_input(end != argument.c_str() && *end == 0 && target >= 1, "reward ", spec,
              ": length needs a number of words of at least 1, as in length:40");
  return std::make_unique<LengthRule>(spec, target);
}

std::unique_ptr<Reward> exact_rule(const std::string& spec, const std::string& argument) {
  check_input(argument.empty() || argument == "loose", "reward ", spec,
              ": exact_match takes nothing or exact_match:loose (case, punctuation, "
              "articles and white space do not count)");
  return std::make_unique<ExactRule>(spec, argument == "loose");
}

std::unique_ptr<Reward> math_rule(const std::string& spec, const std::string& argument) {
  const std::string written = argument.empty() ? cat(kMathTolerance) : argument;
  char* end = nullptr;
  const double tolerance = std::strtod(written.c_str(), &end);
  const bool good = end != written.c_str() && *end == 0;
  check_input(good && tolerance >= 0 && tolerance < 1, "reward ", spec,
              ": math takes a relative tolerance from 0 to 1, as in math:1e-3");
  return std::make_unique<MathRule>(spec, tolerance);
}

std::unique_ptr<Reward> regex_rule(const std::string& spec, const std::string& argument) {
  check_input(!argument.empty(), "reward ", spec, ": regex needs a pattern, as in regex:^Answer:");
  return std::make_unique<RegexRule>(spec, argument);
}

}  // namespace

std::vector<std::string> rule_names() {
  return {"length", "regex", "json", "exact_match", "math", "command"};
}

std::unique_ptr<Reward> make_rule(const std::string& spec, double command_timeout) {
  const std::size_t colon = spec.find(':');
  const std::string name = spec.substr(0, colon);
  const std::string argument = colon == std::string::npos ? "" : spec.substr(colon + 1);
  if (name == "length") { return length_rule(spec, argument); }
  if (name == "regex") { return regex_rule(spec, argument); }
  if (name == "json") { return std::make_unique<JsonRule>(); }
  if (name == "exact_match") { return exact_rule(spec, argument); }
  if (name == "math") { return math_rule(spec, argument); }
  if (name == "command") { return make_command_reward(argument, command_timeout); }
  const std::string known = join(rule_names(), ", "), near = nearest_name(name, rule_names());
  throw InputError(cat(
      "reward ", spec, ": unknown kind '", name, "' (known: model, ", known, ", judge, http://..., implicit)",
      near.empty() ? "; a comma separates rewards, so a command or pattern with one goes into a list of "
                     "a YAML file (--config)"
                   : cat("; did you mean ", near, "?")));
}

std::unique_ptr<Reward> make_weighted(std::vector<std::unique_ptr<Reward>> rewards,
                                      std::vector<double> weights) {
  check(!rewards.empty() && rewards.size() == weights.size(), "weighted reward: one weight a reward");
  return std::make_unique<Weighted>(std::move(rewards), std::move(weights));
}

}  // namespace una::reward
