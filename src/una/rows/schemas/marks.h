#pragma once

#include <string>
#include <vector>

#include "una/rows/schemas/schema.h"

// What is done to a row of any shape before and after its shape reads it, so that no shape can overlook
// feedback, a null or a turn that must not be trained on.
namespace una::rows {

// What the scan of a row's members tells.
struct RowScan {
  // The member that is null as the only one of marks and answers: a mark that is missing. (Tables of several kinds
  // of rows are full of nulls, which are absent members.) "": none.
  std::string missing;
  bool is_annotated = false;  // a member holds annotators' answers: a flattened record of Argilla
};

// Brings the row into the form that shapes read, in place: names of the column table in any spelling get ours; a
// word such as N/A in a column of marks or numbers becomes null; a string that holds a list of turns as JSON
// becomes the list. InputError on a list of turns as Python's repr.
RowScan normalise_row(Json& row, const Where& where, const words::LabelValues& labels);

// For a row that no shape fits: names of prompts and answers elsewhere (query, reply, ...) become ours,
// when nothing else could be meant. Returns "reply as completion" of each.
std::vector<std::string> take_other_names(Json& row);

// For a row that no shape fits: a null prompt or answer becomes "", so that the row can be left out as empty. True
// when there was one.
bool blank_nulls(Json& row);

// Reads the mark of a single answer that its shape left unmarked (label, score, rating, thumbs, ...), and notes
// every other member that nothing has read. InputError on one that looks like feedback, naming the key that maps it:
// trained on as a demonstration, a bad answer would be learnt.
void read_marks(const RowView& row, const RowScan& scan, const std::string& ground_truth, ReadRow& out);

// Leading turns of the answers that repeat the prompt are removed from them; a system turn that only the answers
// have moves to the prompt. Of strings, a prompt of several words that every answer begins with.
void remove_repeated_prompt(Example& example);

}  // namespace una::rows
