#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/rng.h"
#include "una/demo/task.h"

// The task `dialogue`: express a dialogue act with slots in one English sentence, e.g.
//   prompt  inform(name='golden wok', food='thai', area='centre')
//   answer  The golden wok is a thai restaurant in the centre.
namespace una::demo::dialogue {

Task task();  // its row of the table

// The dialogue acts.
enum class Act : std::uint8_t {
  kInform,     // a statement about a named restaurant
  kRecommend,  // a recommendation of a named restaurant
  kConfirm,    // a question: is that what you want?
  kRequest,    // a question for the values marked '?'
  kSelect,     // a question that offers two values of one slot
  kNomatch,    // an apology: there is no such restaurant
};
constexpr int kActs = 6;

// The properties of a restaurant.
enum class Slot : std::uint8_t { kName, kPrice, kFood, kAudience, kArea, kNear, kRating };
constexpr int kSlots = 7;

// One slot of a prompt.
struct Fact {
  Slot slot = Slot::kName;
  std::string value;  // one of slot_values(slot), or "?": the user is to be asked for it
  bool operator==(const Fact&) const = default;
};

// What is asked for. `facts` holds 2 to 4 facts when it comes from make_prompts; a slot occurs once, except the
// offered slot of kSelect (two values).
struct Prompt {
  Act act = Act::kInform;
  std::vector<Fact> facts;

  std::string text() const;  // inform(name='golden wok', food='thai')
  std::string key() const;   // equal for all orders of the facts: two prompts are equal if their keys are
};

const char* act_name(Act act);
const char* slot_name(Slot slot);
const std::vector<std::string>& slot_values(Slot slot);
// The inverse of Prompt::text(); nullopt when the text is not such a prompt (unknown act, slot or value).
std::optional<Prompt> parse_prompt(std::string_view text);

// `n` different prompts of the split, with acts about equally often as long as an act has prompts left
// (requests and selections run out beyond some 10,000). Deterministic, and a smaller n gives the first
// prompts of a larger one. InputError when n is negative or over 100,000.
std::vector<Prompt> make_prompts(std::int64_t n, std::uint64_t seed, Split split);
std::vector<std::string> make_prompt_texts(std::int64_t n, std::uint64_t seed, Split split);  // their texts

// The fluent sentence for the prompt; `frame` 0 or 1 picks one of two wordings. Scores 4, 4, 4.
std::string ideal_answer(const Prompt& prompt, int frame);

// An answer of the given quality: the ideal one with Binomial(4, 1 - quality) faults of different kinds:
// missing fact, wrong value, invented fact, wrong act, repetition, broken word order, truncation, rudeness,
// filler. Quality 1 is flawless. `quality` must be in [0, 1] (InternalError).
std::string make_answer(const Prompt& prompt, double quality, Rng& rng);

// HelpSteer2-like attributes, each an integer 0..4.
struct Attributes {
  int helpfulness = 0;  // the prompt's act, complete, polite, concise
  int correctness = 0;  // the prompt's facts, no others
  int coherence = 0;    // one well-formed sentence
  bool operator==(const Attributes&) const = default;
};

// Exact and deterministic for any bytes. The answer is read as words and punctuation marks, without case.
//   coherence: word edits to the nearest sentence of the task's grammar that expresses the answer's facts:
//     0 edits 4, 1 edit 3, 2..3 edits 2, 4..6 edits 1, more 0; at most 1 when over 30 % of the words are
//     edits, 0 when over half; one less when a fact is repeated. Rude remarks are removed first.
//   correctness: round(4 * expressed / requested facts), one less per wrong or invented fact.
//   helpfulness: 4, minus 2 for an act other than the prompt's, 1 per missing fact (at most 2), 2 for rudeness, 1
//     for filler words; at most correctness + 1, because fluent words about something else do not help.
// Below coherence 2 the other two are at most coherence + 1, because facts without a sentence are of little
// use. An answer without words scores 0, 0, 0.
Attributes score(const Prompt& prompt, std::string_view answer);

// (0.65 helpfulness + 0.8 correctness + 0.45 coherence) / 7.6, in [0, 1].
double gold(const Attributes& attributes);
double gold(const Prompt& prompt, std::string_view answer);

}  // namespace una::demo::dialogue
