#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/core/example.h"

namespace una::reward {

// One answer to one prompt, as text or chat turns. A policy's token ids never reach a reward: each reward has
// a template and a tokenizer of its own.
struct Question {
  Text prompt;
  Text answer;        // chat: the turns after the prompt's; plain behind a chat prompt: one assistant turn
  std::string tools;  // JSON text of the tools array, or ""
  std::string template_kwargs;  // JSON text of chat_template_kwargs, or ""
};

// The row's answer number `response` as a question.
Question question_of(const Example& example, std::size_t response);

// What a reward says of one answer: a score, or why there is none. A failure is never a score of 0.
struct Verdict {
  std::optional<double> score;  // in the reward's own unit (raw: decisions 37)
  std::string failure;          // a sentence part without row and file; "" beside a score
  std::int64_t tokens = 0;      // what the reward read, where it counts tokens
};

// An opinion on answers: a reward model, later rules and judges. Not thread-safe.
class Reward {
 public:
  virtual ~Reward() = default;
  // One verdict a question, in order. Answers that cannot be scored (too long, refused by the template) get a
  // verdict that says so; only what no row is to blame for throws.
  virtual std::vector<Verdict> score(const std::vector<Question>& questions) = 0;
  // For logs and run records: "reward model in DIR (LlamaForSequenceClassification, float32)".
  virtual std::string description() const = 0;
};

}  // namespace una::reward
