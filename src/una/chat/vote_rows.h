#pragma once

#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"

namespace una::chat {

// One answer that a person read, and what wrote it.
struct Shown {
  std::string text;
  std::string model;    // its name
  std::string weights;  // content hash of what it was sampled from
};

// What a person was shown: one answer, or two as A and B.
struct Exchange {
  std::string id;
  Text prompt;                     // with all turns before the answers, where it is a chat
  std::vector<Shown> answers;      // one or two
  Json sampling = Json::object();  // temperature, seed, ...
};

// What the person said.
struct Vote {
  enum class Kind { kBetter, kTie, kBothBad, kThumb, kScore, kEdit } kind = Kind::kTie;
  std::string id;                       // of this vote: the same one twice is written once
  std::size_t answer = 0;               // the better one; the one that a thumb, score or edit is about
  std::optional<double> strength = {};  // of a preference, above 0: becomes `margin`
  bool up = false;                      // kThumb
  double score = 0;                     // kScore, 1 to 10
  std::string edited = {};              // kEdit: the answer as it should have been
  std::string note = {};
  double seconds = 0;  // from the end of the answers to the vote
};

// The rows of a vote, each valid training data by itself:
//   better     {prompt, chosen, rejected, margin?}
//   tie        two rows of equal score
//   both bad   two rows with label false
//   thumb      {prompt, completion, label}
//   score      {prompt, completion, score, score_range}
//   edit       {prompt, chosen: the edited answer, rejected: the original}
// `source` is "chat:" and `name`. "meta" (which readers pass over) has the vote's id, the models and their weights,
// sides, seconds, sampling and note. InputError for an answer that is not there, an empty or unchanged edit, and
// numbers out of their range.
std::vector<Json> rows_of(const Exchange& exchange, const Vote& vote, const std::string& name);

}  // namespace una::chat
