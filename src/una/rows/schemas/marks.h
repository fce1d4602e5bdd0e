#pragma once

#include "una/rows/schemas/schema.h"

// What is done to a row of any shape before and after its shape reads it, so that no shape can overlook
// feedback, a null or a turn that must not be trained on.
namespace una::rows {

// The row as its shape should see it. A null is an absent member (tables of several kinds of rows are full of
// them), except a `score` that is the only null among marks and answers: that score is missing. A string that
// holds a list of turns as JSON becomes the list; as Python's repr it is an InputError.
Json normalised_row(const RowView& row);

// Reads the mark beside a single answer that its shape left unmarked (label, score, rating, thumbs, ...).
// InputError on a column that looks like feedback but cannot be read, naming the key that maps it: trained on as
// a demonstration, a bad answer would be learnt.
void read_mark_beside(const RowView& row, ReadRow& out);

// Answers with `weight` 0, `train` or `loss` false or `loss_weight` 0 must not be trained on: the row is left
// out. The members are taken off all turns.
void leave_untrained_out(ReadRow& out);

// Leading turns of the answers that repeat the prompt are removed from them; a system turn that only the answers
// have moves to the prompt. For chats.
void remove_repeated_prompt(Example& example);

}  // namespace una::rows
