#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "una/reward/judge_options.h"

namespace una::reward {

// What a chat-completions API said.
struct ChatReply {
  bool good = false;  // `content` is whole
  std::string content;
  std::string problem;                         // why it is not good: "the reply is not a JSON object"
  std::int64_t tokens_in = 0, tokens_out = 0;  // as the API counts them, also of replies that are not good
};
ChatReply read_chat_reply(const std::string& body);

// The judge's mark, or why there is none. Scores are on the declared scale; thumbs: yes 1, no 0; pairs: A 1,
// B 0, tie 0.5.
struct Mark {
  std::optional<double> value;
  std::string problem;
};
// Strict: the last line that is not blank is "Score: N" or "Verdict: V" (bold or not) and nothing else; or
// the whole reply is {"score": N} or {"verdict": "V"} (in a code fence or not). Off-scale scores are a
// problem.
Mark read_mark(const std::string& content, const JudgeSettings& settings);

}  // namespace una::reward
