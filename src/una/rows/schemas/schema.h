#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"

// Rows of files as people have them -> Example. One family of shapes per file `schema_x.cpp`, one line per
// shape in the table of schema.cpp.
namespace una::rows {

struct ScoreRange {
  double lo = 0, hi = 1;
};

// A row as it stands: scores are still in their own unit (Response::raw_score; empty: missing).
struct ReadRow {
  Example example;
  const char* shape = "";           // name of the shape that fitted
  bool scored = false;              // the row has a place for scores, whether they are there or missing
  std::optional<ScoreRange> range;  // of the scores, when the row or its data set says it
  std::string scale;                // the data set's own rule for its scores, for the report; or ""
  std::string drop;                 // not "": degenerate, the reason
  bool tie = false;                 // a preference without a winner
  std::string mark = "label";       // the member that a binary row's label was read from
  std::int64_t turns_behind = 0;    // turns behind the last answer, which are not read
  bool unmarked = false;            // answers without score, label or rank: only for labelling
};

// What a schema sees of one row.
struct RowView {
  const Json& json;    // an object
  const Where& where;  // for errors
};

struct Shape {
  const char* name;
  bool (*fits)(const Json& row);
  void (*read)(const RowView& row, ReadRow& out);
};

const std::vector<Shape>& shapes();  // in the order of sniffing

// The member `column` of the row as text, for rewards: a string, a number or a bool; null or absent (or no
// object at all): none.
std::optional<std::string> ground_truth_of(const RowView& row, const std::string& column);

bool fits_any_shape(const Json& json);

// Finds the shape and reads the row. InputError "file:line: ..." when no shape fits or a field is wrong.
// `apply_chat_template` wraps string prompts as one user turn.
ReadRow read_row(const Json& json, const Where& where, bool apply_chat_template);

// The prompt as one string that is equal for equal prompts (roles, contents, tools): key of groups.
std::string prompt_key(const Example& example);
std::string text_key(const Text& text);
bool is_blank(const Text& text);  // no turn and no character but white space

}  // namespace una::rows
