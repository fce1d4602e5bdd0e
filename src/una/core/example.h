#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace una {

// One chat turn. `extra` holds the turn's other members (tool_calls, name, ...) as the text of a JSON object,
// or is "".
struct Message {
  std::string role;
  std::string content;
  std::string extra;
};

// A prompt or an answer: raw text, which is tokenised as it is, or chat turns, which the chat template
// renders.
struct Text {
  bool is_chat = false;
  std::string plain;
  std::vector<Message> messages;
};

// The kind of feedback in a row. The responses of a pair or a group are never split over micro-batches.
enum class Unit : std::uint8_t {
  kSft,     // one answer without feedback (target 1 for una)
  kPair,    // chosen, rejected
  kBinary,  // one answer, good or bad
  kScore,   // one answer, score in [0, 1]
  kGroup,   // k >= 2 scored answers to one prompt
  kPrompt,  // a prompt alone (generation)
};
const char* unit_name(Unit unit);  // "sft", "pairwise", "binary", "score", "group", "prompt"

// The origin of a row, for messages: "train.jsonl:17".
struct Where {
  std::string file;
  std::int64_t line = 0;  // counted from 1; in a JSON array the element's number
  std::string text() const { return file + ":" + std::to_string(line); }
};

// The policy that wrote an answer. Identities that hold only for samples of one policy are checked on those.
enum class Sampler : std::uint8_t { kUnknown, kReference, kPolicy };

// Rewards of the reference policy's samples for the same prompt.
struct RefRewards {
  std::vector<double> raw;     // as in the file
  std::vector<double> scores;  // mapped into 0..1 like the row's scores
  bool has_own = false;        // whether the answer's own reward is among them
};

// One answer with its feedback.
struct Response {
  Text text;
  std::optional<bool> label;        // kBinary
  std::optional<double> score;      // in [0, 1] after mapping
  std::optional<double> raw_score;  // as in the file
  Sampler sampler = Sampler::kUnknown;
  RefRewards ref_rewards;
};

// One row of any data set, read and checked, not yet tokenised.
struct Example {
  Where where;
  Unit unit = Unit::kSft;
  Text prompt;
  std::string tools;            // JSON text of the tools array, or ""
  std::string template_kwargs;  // JSON text of chat_template_kwargs, or ""
  std::vector<Response> responses;
  std::optional<double> margin;  // pairs: by how much chosen is better
  double weight = 1;
  std::string group_id;                     // "": rows are grouped by prompt
  std::string source;                       // data set name; the key of per-source constants and metrics
  std::optional<std::string> ground_truth;  // reward functions compare answers with it: a solution, a number
};

}  // namespace una
