#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "una/rows/schemas/schema.h"

// Typed access to a row's members. Every mistake is an InputError `file:line: field "x" ...`.
namespace una::rows {

bool has(const Json& row, const char* key);  // present and not null
bool has_all(const Json& row, std::initializer_list<const char*> keys);
bool has_string(const Json& row, const char* key);
bool has_list(const Json& row, const char* key);
const char* first_of(const Json& row, std::initializer_list<const char*> keys);  // present one, or nullptr

// A speaker under the name that chat templates know, which are written in small letters: "GPT" is assistant. Others stay.
std::string role_of(const std::string& speaker);

[[noreturn]] void bad_field(const RowView& row, const std::string& field, const std::string& problem);
[[noreturn]] void wrong_type(const RowView& row, const std::string& field, const std::string& wanted,
                             const Json& found);

// The member, noted as read (RowView::reads).
const Json& need(const RowView& row, const char* key);
std::string string_field(const RowView& row, const char* key);
bool bool_field(const RowView& row, const char* key);  // JSON true or false, nothing else
// A thumb: true, false, or what --label_values makes one; nullopt: none (null, or a word that means it).
std::optional<bool> thumb_value(const RowView& row, const Json& value, const std::string& field);
double number_field(const RowView& row, const char* key);

// Whether a member holds what the prompt shows in addition to its text: images, audio, video. An empty one does not.
bool is_medium(std::string_view name, const Json& value);

// A score, unchanged; null (and NaN, which the parser turns into null) is missing.
std::optional<double> score_value(const RowView& row, const Json& value, const std::string& field);

// A list of {role, content} or of {from, value}; one such object counts as a list of one.
std::vector<Message> messages_value(const RowView& row, const Json& value, const std::string& field);

// A string becomes plain text, a list (or an object) of messages a chat.
Text text_value(const RowView& row, const Json& value, const std::string& field);
Text text_field(const RowView& row, const char* key);

// The object or list that a text holds as JSON, as in tables; nullopt for other texts and other values.
std::optional<Json> structure_in(const Json& value);

Text plain_text(std::string text);
Text chat_text(std::vector<Message> messages);
Response response_of(Text text);

// The last assistant turn leaves `conversation` and is returned, what follows it goes to `behind`; an empty list when
// there is no assistant turn, and all stays.
std::vector<Message> split_answer(std::vector<Message>& conversation, std::vector<Message>& behind);

// Moves the common beginning of the two answers into the prompt: whole messages, or characters (TRL: one
// trailing space stays with the answers). False when there is none.
bool extract_prompt(Text& chosen, Text& rejected, Text& prompt);

// Bytes that both texts begin with, cut at a UTF-8 border.
std::size_t common_prefix(std::string_view a, std::string_view b);

}  // namespace una::rows
