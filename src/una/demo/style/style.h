#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "una/base/rng.h"
#include "una/demo/task.h"

// The task `style`: a note that keeps five demands, e.g.
//   prompt  note: about boat; 7 words; in blue ink; use rain; on one page
//   answer  Today the boat is old with rain.
// Some demands every note keeps ("on one page") and some no note can keep ("in blue ink"), so prompts differ in what the
// best answer gets and in what any answer gets: the attainable score is from 0 to 0.4 for some and from 0.6 to 1 for
// others. A method that compares answers to different prompts has to take that offset out (f(x)).
namespace una::demo::style {

Task task();  // its row of the table

enum class Kind : std::uint8_t {
  kTopic,   // about boat: the word occurs
  kLength,  // 7 words: a quarter less for each word more or fewer
  kUse,     // use rain: the word occurs
  kAvoid,   // avoid the: the word does not occur
  kPolite,  // politely: "thank you" occurs
  kComma,   // no comma
  kEnd,     // end with !: the last mark
  kBegin,   // begin with today: the first word
  kFree,    // every note keeps it
  kVain,    // no note keeps it
};
constexpr int kKinds = 10;

struct Demand {
  Kind kind = Kind::kTopic;
  std::string
      value;  // the word, the mark, the number of words, or the whole demand (kFree, kVain); "" for some
  std::string text() const;
  bool operator==(const Demand&) const = default;
};

constexpr int kDemands = 5;  // of a prompt

// What is asked for. From make_prompts: kDemands demands, the topic first; open ones (neither free nor vain) differ in
// kind.
struct Prompt {
  std::vector<Demand> demands;

  std::string text() const;
  std::string key() const;  // equal for all orders of the demands
};

const std::vector<std::string>& demand_values(
    Kind kind);  // that make_prompts draws from; numbers of words: 4 to 9
// The inverse of Prompt::text(); nullopt when the text is not such a prompt.
std::optional<Prompt> parse_prompt(std::string_view text);

// What the worst note (of unknown words) and the best one get.
struct Range {
  double lowest = 0, highest = 1;
};
Range attainable(const Prompt& prompt);

// A note of the given quality: each open demand is passed over with probability 1 - quality. One of quality 1 gets the
// highest attainable score. `quality` must be in [0, 1] (InternalError).
std::string make_answer(const Prompt& prompt, double quality, Rng& rng);

// (free + open demands kept, in parts, times the share of known words) / demands: exact for any bytes. Words are read
// without case; known are those that the teacher uses. A note without words gets 0.
double gold(const Prompt& prompt, std::string_view answer);

}  // namespace una::demo::style
