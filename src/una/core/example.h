#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace una {

// One chat turn. `extra` holds the turn's other members (tool_calls, name, ...) as the text of a JSON object,
// or "".
struct Message {
  std::string role;
  std::string content;
  std::string extra;
};

// A prompt or an answer: raw text, or chat turns that go through the chat template (decisions 5).
struct Text {
  bool is_chat = false;
  std::string plain;
  std::vector<Message> messages;
};

// What a row teaches. A pair's or a group's responses are never split over micro-batches.
enum class Unit : std::uint8_t {
  kSft,     // one answer without feedback (target 1 for una)
  kPair,    // chosen, rejected
  kBinary,  // one answer, good or bad
  kScore,   // one answer, score in [0, 1]
  kGroup,   // k >= 2 scored answers to one prompt
  kPrompt,  // a prompt alone (generation)
};
const char* unit_name(Unit unit);  // "sft", "pairwise", "binary", "score", "group", "prompt"

// Where a row came from, for messages: "train.jsonl:17".
struct Where {
  std::string file;
  std::int64_t line = 0;  // from 1; in a JSON array the element's number
  std::string text() const { return file + ":" + std::to_string(line); }
};

// Who wrote an answer: identities that hold for samples of one policy are checked on them alone.
enum class Sampler : std::uint8_t { kUnknown, kReference, kPolicy };

// Rewards of samples that the reference policy gave to the same prompt.
struct RefRewards {
  std::vector<double> raw;     // as in the file
  std::vector<double> scores;  // mapped as the row's scores are, into 0..1
  bool has_own = false;        // the answer's own reward is one of them
};

struct Response {
  Text text;
  std::optional<bool> label;        // kBinary
  std::optional<double> score;      // in [0, 1] after mapping
  std::optional<double> raw_score;  // as it stood in the file
  Sampler sampler = Sampler::kUnknown;
  RefRewards ref_rewards;
};

// One row of any data set.
struct Example {
  Where where;
  Unit unit = Unit::kSft;
  Text prompt;
  std::string tools;            // JSON text of the tools array, or ""
  std::string template_kwargs;  // JSON text of chat_template_kwargs, or ""
  std::vector<Response> responses;
  std::optional<double> margin;  // pairs: how much better chosen is
  double weight = 1;
  std::string group_id;                     // "" = by the prompt
  std::string source;                       // data set name, keys per-source constants and metrics
  std::optional<std::string> ground_truth;  // what rewards compare answers with: a solution, a number
};

}  // namespace una
