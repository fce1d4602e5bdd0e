#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"

namespace una::reward {

// One answer to one prompt, as text or chat turns. A policy's token ids never reach a reward: each reward has
// a template and a tokenizer of its own.
struct Question {
  Text prompt;
  Text answer;        // chat: the turns after the prompt's; plain behind a chat prompt: one assistant turn
  std::string tools;  // JSON text of the tools array, or ""
  std::string template_kwargs;                   // JSON text of chat_template_kwargs, or ""
  std::optional<std::string> ground_truth = {};  // of the row, for rewards that compare
};

// The row's answer number `response` as a question.
Question question_of(const Example& example, std::size_t response);

// A reward's result for one answer: a score, or why there is none. A failure is never a score of 0.
struct Verdict {
  std::optional<double> score;  // in the reward's own unit, before any mapping
  std::string failure;          // a sentence part without row and file; "" with a score
  std::int64_t tokens = 0;      // what the reward read, where it counts tokens
};

// The scale that a reward declares.
struct ScoreScale {
  double lo = 0, hi = 1;
};

// An opinion on which of two answers to one prompt is better. Not thread-safe.
class Comparer {
 public:
  enum class Preference : std::uint8_t { kFirst, kSecond, kTie, kDisagreement, kMissing };
  // The verdict on one pair.
  struct Comparison {
    Preference preference = Preference::kMissing;
    std::string failure;  // "" unless kMissing
  };
  // Two answers to compare; both must outlive the call.
  struct Pair {
    const Question* first = nullptr;
    const Question* second = nullptr;
  };
  virtual ~Comparer() = default;
  // In order. kDisagreement: asked twice, with the answers swapped, the comparer did not stay with one.
  virtual std::vector<Comparison> compare(const std::vector<Pair>& pairs) = 0;
};

// An opinion on answers: a reward model, rules, a server, a judge. Not thread-safe.
class Reward {
 public:
  virtual ~Reward() = default;
  // One verdict per question, in order. Answers that cannot be scored (too long, refused by the template) get a
  // verdict that says so; only what is not a row's fault throws.
  virtual std::vector<Verdict> score(const std::vector<Question>& questions) = 0;
  // For logs and run records: "reward model in DIR (LlamaForSequenceClassification, float32)".
  virtual std::string description() const = 0;
  // The range of all scores, where that is known; nullopt: any number.
  virtual std::optional<ScoreScale> scale() const { return std::nullopt; }
  // True when scores are thumbs: 1 up, 0 down.
  virtual bool is_thumbs() const { return false; }
  // True if scoring mostly waits on the network or a process; it may then overlap generation.
  virtual bool waits() const { return false; }
  // Not null where the opinion is on pairs; score() is then the share of comparisons won.
  virtual Comparer* comparer() { return nullptr; }
  // What it has cost so far, for the log; "" where nothing was counted.
  virtual std::string account() const { return ""; }
};

// The row that commands and servers read: "prompt", a string or turns; "answer", the answer's text; and where
// there are such, "completion", the answer's turns, "tools" and "ground_truth", a string. Turns keep tool_calls,
// name and all else that they hold.
Json question_json(const Question& question);

// Hash of the questions of all answers of these rows, of all that a reward may read.
std::string questions_hash(const std::vector<Example>& rows);

// The text that a rule reads: plain, or the contents of the answer's turns.
std::string answer_text(const Text& answer);

// One element of a command's or server's reply: a finite number, or {"score": number or null, "error": text}.
// Anything else is a failure whose sentence begins with `what`.
Verdict verdict_of_reply(const Json& reply, const std::string& what);

// What each of `answers` answers won of the comparisons that were made (owners: the two answers of each):
// wins over comparisons, a tie or a disagreement being half a win; an answer without any that came through
// fails.
std::vector<Verdict> win_shares(std::size_t answers,
                                const std::vector<std::pair<std::size_t, std::size_t>>& owners,
                                const std::vector<Comparer::Comparison>& results);

// reward_weights as numbers, one for each reward; 1 each where none is given. InputError on another number of
// them, and on a word that is not a number.
std::vector<double> weights_of_rewards(const std::vector<std::string>& rewards,
                                       const std::vector<std::string>& weights);

Verdict failed(std::string failure);  // no score
Verdict scored(double score);

}  // namespace una::reward
