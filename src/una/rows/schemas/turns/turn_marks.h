#pragma once

#include <optional>
#include <string>

#include "una/rows/schemas/schema.h"

// Turns of chats: those that a table holds as text, and those that must not be trained on.
namespace una::rows {

// A list of turns, or one turn, that the member holds as JSON text (also twice encoded) becomes the list. InputError on
// one as Python's repr, and on one whose JSON is broken, as Excel cuts long cells.
void parse_turns(const RowView& row, const std::string& key, Json& value);

// True or 1, false or 0, also as text; nullopt: anything else.
std::optional<bool> truth_of(const Json& value);

// Answers whose turn has `weight`, `loss_weight`, `loss_scale` or `loss_mask` 0, `train`, `trainable`, `training` or `loss`
// false, or `mask`, `masked` or `ignore` true must not be trained on: the row is left out, and so is a row that has one of
// them itself. The members are taken off all turns. InputError on a turn that is to be trained on in part, on a member that
// seems to say the same under another name (train_on, no_loss, metadata.train), and on an assistant's turn with a mark of
// its own.
void leave_untrained_out(const RowView& row, ReadRow& out);

}  // namespace una::rows
