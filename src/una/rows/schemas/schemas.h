#pragma once

#include "una/rows/schemas/schema.h"

// The doors of the schema families: `fits_` looks at the keys (and the JSON types where two shapes share
// keys), `read_` fills unit, prompt and responses. Members that every shape may carry (weight, group_id,
// source, tools, ...) are read by read_row.
namespace una::rows {

// schema_native.cpp: prompt | messages + responses[{content, score | label | rank}]
bool fits_bare_responses(const Json& row);  // responses[string or {content}] without any mark
void read_bare_responses(const RowView& row, ReadRow& out);
bool fits_native_responses(const Json& row);
// In `responses`: text, completion, answer or output are `content`, and where no answer has a score, label or rank, a
// reward or rating is a `score` and a thumb a `label`.
void name_answer_members(Json& row, const words::LabelValues& labels);
void read_native_responses(const RowView& row, ReadRow& out);

// schema_trl.cpp
bool fits_pair_strings(const Json& row);
bool fits_pair_chat(const Json& row);
void read_pair(const RowView& row, ReadRow& out);
bool fits_implicit_pair(const Json& row);
void read_implicit_pair(const RowView& row, ReadRow& out);
bool fits_prompt_completion(const Json& row);
void read_prompt_completion(const RowView& row, ReadRow& out);
bool fits_messages(const Json& row);
void read_messages(const RowView& row, ReadRow& out);
// The last assistant turn is the answer; turns without one are a prompt. `field`: what the row calls them.
void read_conversation(const RowView& row, std::vector<Message> turns, const char* field, ReadRow& out);
bool fits_text(const Json& row);
void read_text(const RowView& row, ReadRow& out);
bool fits_prompt_only(const Json& row);
void read_prompt_only(const RowView& row, ReadRow& out);

// schema_ultrafeedback.cpp
bool fits_ultrafeedback_pair(const Json& row);
void read_ultrafeedback_pair(const RowView& row, ReadRow& out);
bool fits_ultrafeedback_raw(const Json& row);
void read_ultrafeedback_raw(const RowView& row, ReadRow& out);

// schema_helpsteer2.cpp
bool fits_helpsteer2(const Json& row);
void read_helpsteer2(const RowView& row, ReadRow& out);
bool fits_helpsteer2_preference(const Json& row);
void read_helpsteer2_preference(const RowView& row, ReadRow& out);

// schema_hh.cpp
bool fits_hh(const Json& row);
void read_hh(const RowView& row, ReadRow& out);
void hh_to_chat(Example& example);  // the transcript's parts become turns

// schema_llamafactory.cpp
bool fits_lf_messages_pair(const Json& row);
void read_lf_messages_pair(const RowView& row, ReadRow& out);
bool fits_sharegpt_pair(const Json& row);
void read_sharegpt_pair(const RowView& row, ReadRow& out);
bool fits_sharegpt(const Json& row);
void read_sharegpt(const RowView& row, ReadRow& out);
bool fits_alpaca_pair(const Json& row);
void read_alpaca_pair(const RowView& row, ReadRow& out);
bool fits_alpaca_list(const Json& row);
void read_alpaca_list(const RowView& row, ReadRow& out);
bool fits_alpaca(const Json& row);
void read_alpaca(const RowView& row, ReadRow& out);

// schema_ranked.cpp
bool fits_nectar(const Json& row);
void read_nectar(const RowView& row, ReadRow& out);
bool fits_nemo_rl(const Json& row);
void read_nemo_rl(const RowView& row, ReadRow& out);
// Ranks (1 is best) become scores: best 1, worst 0, evenly spaced.
void score_by_rank(const std::vector<double>& ranks, ReadRow& out);

// schema_other_names.cpp: the same shapes under other people's column names
bool fits_other_pair(const Json& row);
void read_other_pair(const RowView& row, ReadRow& out);
bool fits_swift_pair(const Json& row);
void read_swift_pair(const RowView& row, ReadRow& out);
bool fits_question_answer(const Json& row);
void read_question_answer(const RowView& row, ReadRow& out);

// Exports of other programs: their rows become our own, which are then read like any other.
struct OwnRow {
  Json row;
  std::string drop;  // not "": the row is left out for this reason
  bool tie = false;  // a preference without a winner
};
bool fits_argilla(const Json& row);  // schema_argilla.cpp
OwnRow own_argilla(const RowView& row);
// Whether a member is one of a flattened record, next to whose fields another shape would overlook it.
bool is_argilla_member(const std::string& name, const Json& value);
bool fits_open_webui(const Json& row);  // schema_open_webui.cpp
OwnRow own_open_webui(const RowView& row);
bool fits_label_studio(const Json& row);  // schema_label_studio.cpp
OwnRow own_label_studio(const RowView& row);
bool fits_openai_preference(const Json& row);  // schema_openai.cpp
OwnRow own_openai_preference(const RowView& row);
bool fits_arena(const Json& row);  // schema_arena.cpp
OwnRow own_arena(const RowView& row);
bool fits_lists(const Json& row);  // schema_lists.cpp
OwnRow own_lists(const RowView& row);
bool fits_choice(const Json& row);  // schema_choices.cpp
OwnRow own_choice(const RowView& row);
// Which of two answers a word prefers (model_a, b, response_2, tie, ...); an absent one (null) is kNone.
enum class Preferred : std::uint8_t { kFirst, kSecond, kTie, kNone };
Preferred preferred_by_word(const RowView& row, const char* key);

}  // namespace una::rows
