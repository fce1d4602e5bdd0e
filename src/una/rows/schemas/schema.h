#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/example.h"
#include "una/words/label_values.h"

// Rows of files as people have them -> Example. One family of shapes per file `schema_x.cpp`, one line per
// shape in the table of schema.cpp.
namespace una::rows {

// The declared lowest and highest score of a source.
struct ScoreRange {
  double lo = 0, hi = 1;
};

// A row as read: scores are still in their own unit (Response::raw_score; empty: missing).
struct ReadRow {
  Example example;
  const char* shape = "";            // name of the shape that fitted
  bool scored = false;               // the row has a place for scores, whether they are there or missing
  std::optional<ScoreRange> range;   // of the scores, when the row or its data set says it
  std::string scale;                 // the data set's own rule for its scores, for the report; or ""
  std::string drop;                  // not "": degenerate, the reason
  bool tie = false;                  // a preference without a winner
  std::vector<Message> behind;       // what follows the last answer of a conversation, in its order
  std::int64_t turns_behind = 0;     // turns behind the last answer, which are not read
  bool unmarked = false;             // answers without score, label or rank: only for labelling
  std::string mark;                  // the member that the mark of a single answer was read from
  std::string missing;               // or the one that is null as if a mark were missing
  std::vector<std::string> unread;   // columns that hold something and were not read
  std::vector<std::string> renamed;  // "reply as completion": names that no shape knows, taken for others
};

// How rows are read, whatever their shape.
struct RowOptions {
  bool apply_chat_template = false;  // string prompts become one user turn
  words::LabelValues labels;
  std::string ground_truth;   // a column that is read elsewhere; "": none
  bool prompts_only = false;  // a conversation that ends with a turn of others is a prompt as a whole
};

// What a schema sees of one row.
struct RowView {
  const Json& json;                            // an object
  const Where& where;                          // for errors
  const words::LabelValues* labels = nullptr;  // nullptr: only true and false
  std::vector<const Json*>* reads = nullptr;   // where `need` notes the members that are read
};

// A shape of rows: how it is recognised and how it is read.
struct Shape {
  const char* name;
  bool (*fits)(const Json& row);
  void (*read)(const RowView& row, ReadRow& out);
};

const std::vector<Shape>& shapes();      // in the order of sniffing
std::vector<std::string> shape_names();  // of shapes and exports

// The member `column` of the row as text, for rewards: a string, a number or a bool; null or absent (or no
// object at all): none.
std::optional<std::string> ground_truth_of(const RowView& row, const std::string& column);

bool fits_any_shape(const Json& json);

// Finds the shape and reads the row. InputError "file:line: ..." when no shape fits, a field is wrong, or a
// column looks like feedback and would not be read.
ReadRow read_row(Json json, const Where& where, const RowOptions& options);

// The prompt as one string that is equal for equal prompts (roles, contents, tools): key of groups.
std::string prompt_key(const Example& example);
std::string text_key(const Text& text);
bool is_blank(const Text& text);  // no turn and no character but white space

}  // namespace una::rows
