#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// OpenAI's preference fine-tuning rows: input.messages (and tools), preferred_output, non_preferred_output.
namespace una::rows {

bool fits_openai_preference(const Json& row) {
  return has(row, "input") && row["input"].is_object() &&
         has_all(row, {"preferred_output", "non_preferred_output"});
}

OwnRow own_openai_preference(const RowView& row) {
  const Json& input = need(row, "input");
  if (!has_list(input, "messages")) { bad_field(row, "input.messages", "must be a list of messages"); }
  OwnRow own{.row = {{"prompt", input["messages"]},
                     {"chosen", need(row, "preferred_output")},
                     {"rejected", need(row, "non_preferred_output")}}};
  if (has(input, "tools")) { own.row["tools"] = input["tools"]; }
  return own;
}

}  // namespace una::rows
