#include "una/rows/schemas/schema.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/rows/drops.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/marks.h"
#include "una/rows/schemas/prompt_parts.h"
#include "una/rows/schemas/reference_columns.h"
#include "una/rows/schemas/schemas.h"
#include "una/rows/schemas/turns/answer_turns.h"
#include "una/rows/schemas/turns/turn_marks.h"

namespace una::rows {
namespace {

// `meaning`: why it is at least 0.
double positive_field(const RowView& row, const char* key, const char* meaning = "") {
  const double value = number_field(row, key);
  if (!std::isfinite(value)) { bad_field(row, key, "must be a finite number"); }
  if (value < 0) { bad_field(row, key, cat("must not be negative", meaning)); }
  return value;
}

ScoreRange range_field(const RowView& row) {
  const Json& value = need(row, "score_range");
  const bool two_numbers =
      value.is_array() && value.size() == 2 && value[0].is_number() && value[1].is_number();
  if (!two_numbers) { wrong_type(row, "score_range", "[lo, hi], two numbers", value); }
  const ScoreRange range{value[0].get<double>(), value[1].get<double>()};
  if (!(range.lo < range.hi)) { bad_field(row, "score_range", "must be [lo, hi] with lo < hi"); }
  return range;
}

// TRL's `tools`: a list, or its JSON text.
std::string tools_field(const RowView& row) {
  const Json& value = need(row, "tools");
  if (value.is_array()) { return value.empty() ? "" : value.dump(); }
  if (!value.is_string()) { wrong_type(row, "tools", "a list of tools or its JSON text", value); }
  const std::string text = value.get<std::string>();
  if (trim(text).empty() || trim(text) == "[]") { return ""; }
  if (!structure_in(value)) {
    bad_field(row, "tools", "must be a list of tools or its JSON text, and this text is not JSON");
  }
  return text;
}

std::string group_field(const RowView& row) {
  const Json& value = need(row, "group_id");
  if (value.is_number_integer()) { return value.dump(); }
  if (!value.is_string()) { wrong_type(row, "group_id", "a string or an integer", value); }
  return value.get<std::string>();
}

// Members that rows of every shape may carry.
void read_common(const RowView& row, ReadRow& out) {
  Example& example = out.example;
  if (has(row.json, "weight")) { example.weight = positive_field(row, "weight"); }
  if (has(row.json, "margin")) {
    example.margin = positive_field(row, "margin", ": it says how much better \"chosen\" is");
  }
  if (has(row.json, "group_id")) { example.group_id = group_field(row); }
  if (has(row.json, "source")) { example.source = string_field(row, "source"); }
  if (has(row.json, "tools")) { example.tools = tools_field(row); }
  if (has(row.json, "chat_template_kwargs")) {
    const Json& value = need(row, "chat_template_kwargs");
    if (!value.is_object()) { wrong_type(row, "chat_template_kwargs", "an object", value); }
    if (!value.empty()) { example.template_kwargs = value.dump(); }
  }
  if (has(row.json, "score_range")) { out.range = range_field(row); }
}

void to_chat(Text& text, const char* role) {
  if (text.is_chat) { return; }
  std::vector<Message> messages;
  if (!text.plain.empty()) { messages.push_back({role, std::move(text.plain), ""}); }
  text = chat_text(std::move(messages));
}

// Prompt and answers of one kind: when one of them is a chat, the other strings become turns; answers that
// repeat the prompt lose it.
void align(Example& example, bool wrap) {
  bool chat = example.prompt.is_chat || (wrap && !is_blank(example.prompt));
  for (const Response& response : example.responses) { chat = chat || response.text.is_chat; }
  remove_repeated_prompt(example);
  if (!chat) { return; }
  to_chat(example.prompt, "user");
  for (Response& response : example.responses) { to_chat(response.text, "assistant"); }
  remove_repeated_prompt(example);
}

// A file whose rows are a list in one of its members, as {"version": 1, "data": [...]}.
void check_holds_one_row(const Json& json, const Where& where) {
  for (const auto& [key, value] : json.items()) {
    const bool is_rows =
        value.is_array() && !value.empty() && value[0].is_object() && fits_any_shape(value[0]);
    check_input(!is_rows, where.text(), ": the rows are the list \"", key,
                "\" of one object; write them alone, as jq -c '.", key, "[]' FILE > rows.jsonl does");
  }
}

[[noreturn]] void unknown_shape(const Json& json, const Where& where) {
  for (const auto& [key, value] : json.items()) {
    const std::string_view text = value.is_string() ? trim(value.get_ref<const std::string&>()) : "";
    check_input(
        !starts_with(text, "['") && !starts_with(text, "{'"), where.text(), ": field \"", key,
        "\" holds a list or an object as Python's repr, which is not JSON; save the table with to_json or "
        "to_parquet, or each of them with json.dumps");
  }
  check_holds_one_row(json, where);
  std::vector<std::string> keys;
  for (const auto& [key, value] : json.items()) { keys.push_back(value.is_null() ? key + " (null)" : key); }
  throw InputError(
      cat(where.text(), ": no known row shape has these fields: ", join(keys, ", "),
          "; rename them with --columns ours=theirs (prompt, completion, chosen, rejected, response, "
          "score, label, messages), see docs/data.md"));
}

// True for an answer that its sampler cut off, as una generate and OpenAI's servers mark it.
bool is_unfinished(const RowView& row) {
  bool cut = false;
  for (const char* key : {"finish", "finish_reason"}) {
    if (has(row.json, key)) { cut = need(row, key) == "length" || cut; }
  }
  return cut;
}

}  // namespace

// Special shapes come before the general ones that they would also fit.
const std::vector<Shape>& shapes() {
  static const std::vector<Shape> table = {
      {"native (answers to label)", fits_bare_responses, read_bare_responses},
      {"native (responses)", fits_native_responses, read_native_responses},
      {"UltraFeedback raw", fits_ultrafeedback_raw, read_ultrafeedback_raw},
      {"NeMo-RL ranked completions", fits_nemo_rl, read_nemo_rl},
      {"Nectar ranked answers", fits_nectar, read_nectar},
      {"HelpSteer2", fits_helpsteer2, read_helpsteer2},
      {"HelpSteer2 preference", fits_helpsteer2_preference, read_helpsteer2_preference},
      {"UltraFeedback binarized", fits_ultrafeedback_pair, read_ultrafeedback_pair},
      {"LLaMA-Factory messages pair", fits_lf_messages_pair, read_lf_messages_pair},
      {"ShareGPT pair", fits_sharegpt_pair, read_sharegpt_pair},
      {"Alpaca pair", fits_alpaca_pair, read_alpaca_pair},
      {"TRL pair (strings)", fits_pair_strings, read_pair},
      {"TRL pair (conversational)", fits_pair_chat, read_pair},
      {"swift pair", fits_swift_pair, read_swift_pair},
      {"pair under other names", fits_other_pair, read_other_pair},
      {"HH transcript pair", fits_hh, read_hh},
      {"TRL pair (implicit prompt)", fits_implicit_pair, read_implicit_pair},
      {"Alpaca ranked list", fits_alpaca_list, read_alpaca_list},
      {"ShareGPT conversation", fits_sharegpt, read_sharegpt},
      {"Alpaca", fits_alpaca, read_alpaca},
      {"prompt and completion", fits_prompt_completion, read_prompt_completion},
      {"messages", fits_messages, read_messages},
      {"question and answer", fits_question_answer, read_question_answer},
      {"text", fits_text, read_text},
      {"prompt only", fits_prompt_only, read_prompt_only},
  };
  return table;
}

namespace {

struct Export {
  const char* name;
  bool (*fits)(const Json& row);
  OwnRow (*own)(const RowView& row);
};

constexpr Export kExports[] = {
    {"Argilla record", fits_argilla, own_argilla},
    {"Open WebUI feedback", fits_open_webui, own_open_webui},
    {"Label Studio pairwise", fits_label_studio, own_label_studio},
    {"OpenAI preference", fits_openai_preference, own_openai_preference},
    {"arena battle", fits_arena, own_arena},
    {"two answers and a choice", fits_choice, own_choice},
    {"lists of answers and marks", fits_lists, own_lists},
};

const Shape* find_shape(const Json& json) {
  const auto found =
      std::find_if(shapes().begin(), shapes().end(), [&](const Shape& shape) { return shape.fits(json); });
  return found == shapes().end() ? nullptr : &*found;
}

// The shape that fits once other people's names are taken for ours, or once nulls count as empty texts.
const Shape& shape_after_changes(Json& json, const Where& where, ReadRow& out) {
  Json changed = json;
  out.renamed = take_other_names(changed);
  const Shape* shape = out.renamed.empty() ? nullptr : find_shape(changed);
  if (shape == nullptr && blank_nulls(changed)) {
    shape = find_shape(changed);
    if (shape != nullptr && changed.value("prompt", Json()) == "") { out.drop = "empty prompt"; }
  }
  if (shape == nullptr) { unknown_shape(json, where); }
  json = std::move(changed);
  return *shape;
}

const Export* find_export(const Json& json) {
  for (const Export& format : kExports) {
    if (format.fits(json)) { return &format; }
  }
  return nullptr;
}

// A row of an export: as our own row. Members that every row may carry go with it.
ReadRow read_export(const Export& format, const Json& json, const Where& where, const RowOptions& options) {
  std::vector<const Json*> reads;
  const RowView view{json, where, &options.labels, &reads};
  OwnRow own = format.own(view);
  for (const char* key : {"weight", "margin", "group_id", "source", "tools", "chat_template_kwargs"}) {
    if (has(json, key) && !own.row.contains(key)) { own.row[key] = need(view, key); }
  }
  ReadRow outside;
  outside.example.unit = Unit::kPair;  // whatever else looks like feedback must have been read
  read_marks(view, {}, options.ground_truth, outside);
  ReadRow out = read_row(std::move(own.row), where, options);
  out.unread.insert(out.unread.end(), outside.unread.begin(), outside.unread.end());
  out.shape = format.name;
  out.tie = out.tie || own.tie;
  if (!own.drop.empty()) { out.drop = std::move(own.drop); }
  check_input(
      !out.drop.empty() || out.example.unit != Unit::kSft, where.text(), ": the ", format.name,
      " has no mark for its answer that una can read; --columns gives a field a name, as in label=PATH or "
      "score=PATH");
  return out;
}

}  // namespace

std::vector<std::string> shape_names() {
  std::vector<std::string> names = {"binary", "score"};  // an answer with its mark
  for (const Shape& shape : shapes()) { names.emplace_back(shape.name); }
  for (const Export& format : kExports) { names.emplace_back(format.name); }
  return names;
}

bool fits_any_shape(const Json& json) { return find_shape(json) != nullptr; }

ReadRow read_row(Json json, const Where& where, const RowOptions& options) {
  if (!json.is_object()) {
    throw InputError(cat(where.text(), ": a row must be a JSON object, found ", json.type_name()));
  }
  ReadRow out;
  const RowScan scan = normalise_row(json, where, options.labels);
  const Shape* fitting = find_shape(json);
  if (fitting != nullptr && fitting->read == read_implicit_pair) {
    out.renamed = take_prompt_of_pair(json);
    if (!out.renamed.empty()) { fitting = find_shape(json); }
  }
  const bool no_answer = fitting != nullptr && fitting->read == read_prompt_only;
  if (fitting == nullptr || no_answer || scan.is_annotated) {
    if (const Export* format = find_export(json)) { return read_export(*format, json, where, options); }
  }
  const Shape& shape = fitting != nullptr ? *fitting : shape_after_changes(json, where, out);
  out.shape = shape.name;
  out.example.where = where;
  std::vector<const Json*> reads;
  const RowView view{json, where, &options.labels, &reads};
  read_common(view, out);
  shape.read(view, out);
  if (options.prompts_only) { take_answer_back(out); }
  add_system(view, out);
  read_reference_columns(view, out.example);
  const bool unfinished = is_unfinished(view);
  read_marks(view, scan, options.ground_truth, out);
  out.turns_behind = std::ssize(out.behind);
  out.behind.clear();
  if (options.apply_chat_template && shape.read == read_hh && out.drop.empty()) { hh_to_chat(out.example); }
  align(out.example, options.apply_chat_template);
  settle_answer_turns(out);
  check_prompt_parts(view, out);
  if (out.drop.empty() && !out.example.responses.empty() && unfinished) { out.drop = kUnfinished; }
  leave_untrained_out(view, out);
  return out;
}

std::optional<std::string> ground_truth_of(const RowView& row, const std::string& column) {
  if (!row.json.is_object() || !has(row.json, column.c_str())) { return std::nullopt; }
  const Json& value = row.json[column];
  if (value.is_string()) { return value.get<std::string>(); }
  if (!value.is_number() && !value.is_boolean()) { wrong_type(row, column, "a string or a number", value); }
  return value.dump();
}

std::string text_key(const Text& text) {
  if (!text.is_chat) { return "p" + text.plain; }
  std::string key = "c";
  for (const Message& message : text.messages) {
    // Lengths in front keep ("ab", "c") and ("a", "bc") apart.
    key += cat(message.role.size(), ':', message.role, message.content.size(), ':', message.content,
               message.extra.size(), ':', message.extra);
  }
  return key;
}

std::string prompt_key(const Example& example) {
  if (example.tools.empty() && example.template_kwargs.empty()) { return text_key(example.prompt); }
  return cat(text_key(example.prompt), '\0', example.tools, '\0', example.template_kwargs);
}

namespace {

// Whether a turn without text says something in its other members, which templates render.
bool speaks(const std::string& extra) {
  if (extra.empty()) { return false; }
  const Json members = Json::parse(extra);
  const auto given = [&](const char* name) { return has(members, name) && !members[name].empty(); };
  return given("tool_calls") || given("function_call") || given("reasoning_content") || given("reasoning") ||
         given("thinking");
}

}  // namespace

bool is_blank(const Text& text) {
  if (!text.is_chat) { return trim(text.plain).empty(); }
  for (const Message& message : text.messages) {
    if (!trim(message.content).empty() || speaks(message.extra)) { return false; }
  }
  return true;
}

}  // namespace una::rows
