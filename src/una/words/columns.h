#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "una/base/json.h"

// The one table of column names: what a cell of a column holds, which columns are feedback, and other people's
// names for prompts and answers.
namespace una::words {

// A column that a shape reads, and how its cells are to be understood.
struct Column {
  enum Use : std::uint32_t {
    kText = 1,       // a prompt or an answer: text (or turns), whatever a cell looks like
    kAnswer = 2,     // an answer: a null here tells that the table holds rows of several kinds
    kJson = 4,       // a list or an object, in a table as JSON text
    kNumber = 8,     // a number
    kFlag = 16,      // true or false
    kThumb = 32,     // feedback: true or false is a thumb
    kScore = 64,     // feedback: a number is a score
    kFeedback = 128  // feedback of another kind, which only --columns can make readable
  };
  std::string_view name;
  std::uint32_t use = 0;
  std::string_view
      alias_of;  // our column with the same meaning, taken where no shape knows this one; "": none

  bool is(std::uint32_t uses) const { return (use & uses) != 0; }
  bool is_feedback() const { return is(kThumb | kScore | kFeedback); }
  bool is_value() const { return is_feedback() || is(kNumber | kFlag); }  // not text
};

// The column of this name, read without regard to case, spaces, "-", "_" and white space around it: " Score
// Chosen" is score_chosen. nullptr: no such column.
const Column* find_column(std::string_view name);

// Also names whose last telling word is one of feedback, as user_rating, humanScore, rating_value and "rating (1-5)", or
// that hold such a word in Chinese, Japanese, Korean or Russian; with `is_flag` (true, "yes", 1, ...) those of a property
// too, as was_helpful and flagged.
bool sounds_like_feedback(std::string_view name, bool is_flag = false);

// Whether true says by the name that the answer is bad: thumbs_down, is_bad, flagged.
bool means_bad(std::string_view name);

// Whether a text is what people write for good or bad, whatever its column is called: "thumbs down", "rejected".
bool is_verdict(std::string_view text);

// Whether a member next to a single answer is an opinion about it: by its name, or by a verdict that is not the
// answer itself.
bool is_opinion(std::string_view name, const Json& value, std::string_view answer);

bool is_tie(std::string_view text);  // "tie", "draw", "both_bad", ...

// "completion", "response" and the others that are taken for it.
bool is_completion(std::string_view name);

// Whether the name says that the column holds a better answer: corrected_response, edited_output.
bool is_correction(std::string_view name);

// Whether a list of this name holds what people said of an answer: annotations, reviews.
bool sounds_like_annotations(std::string_view name);

// "N/A", "NA", "-", "null", "none", "nan" and "" in any case: a cell with nothing in it.
bool is_missing_word(std::string_view text);

}  // namespace una::words
