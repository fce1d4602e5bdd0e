#pragma once

#include <optional>

#include "una/base/json.h"
#include "una/core/example.h"
#include "una/core/text_json.h"
#include "una/rows/schemas/schema.h"

// Examples written as our own rows (docs/data.md), with the members in the order of its table.
namespace una::views {

// An integer where the value is one, so that a 4 reads as 4 and not as 4.0.
Json number_json(double value);

// What a row of any kind has in addition to its answers: weight (unless 1), group_id, source, tools,
// chat_template_kwargs, ground_truth.
void append_common(Json& row, const Example& example);

// What every row keeps of the one it was made from, behind its answers: append_common, and who wrote them.
void append_kept(Json& row, const Example& example);
// The same of a row without answers: prompt, tools, ground truth, ...
Json common_row(const Example& example);

// A row in una's own form.
struct NativeRow {
  Json json;
  // ref_rewards (or sampled_from) had to stay behind: the answers of the row have different ones, or the row
  // is a thumb made of a score, whose rewards are in another unit.
  bool lost_reference = false;
};

// Reading the row gives the example again. `range` is the declared range of its raw scores: where it explains
// the mapped ones, scores are written as in the file, else in 0..1.
NativeRow native_row(const Example& example, const std::optional<rows::ScoreRange>& range);

}  // namespace una::views
