#include <algorithm>
#include <string>
#include <vector>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Feedback exported by Open WebUI: data.rating is 1 or -1 for the message meta.message_id of the chat that
// `snapshot` holds, as a tree (chat.chat.history.messages, by id, each with its parent) and as a list.
namespace una::rows {
namespace {

const Json* member(const Json* object, const char* key) {
  if (object == nullptr || !object->is_object() || !has(*object, key)) { return nullptr; }
  return &(*object)[key];
}

Json turn_of(const Json& message) {
  return {{"role", message.value("role", Json())}, {"content", message.value("content", Json())}};
}

// The turns from the first one to the message, along the parents.
std::vector<Json> turns_of_tree(const Json& messages, std::string id) {
  std::vector<Json> turns;
  while (messages.contains(id) && messages[id].is_object() && turns.size() <= messages.size()) {
    const Json& message = messages[id];
    turns.push_back(turn_of(message));
    id = has_string(message, "parentId") ? message["parentId"].get<std::string>() : "";
  }
  std::reverse(turns.begin(), turns.end());
  return turns;
}

// The same in the list, where the tree has no such message: up to its id, or its index.
std::vector<Json> turns_of_list(const Json& messages, const std::string& id, const Json* index) {
  std::vector<Json> turns;
  for (const Json& message : messages) {
    if (!message.is_object()) { return {}; }
    turns.push_back(turn_of(message));
    const bool last =
        index != nullptr && index->is_number_unsigned() && turns.size() == index->get<std::size_t>() + 1;
    if ((!id.empty() && message.value("id", Json()) == id) || (id.empty() && last)) { return turns; }
  }
  return {};
}

// Which message was rated; an empty list when the snapshot does not hold it.
std::vector<Json> rated_turns(const Json* chat, const Json* meta) {
  const Json* id = member(meta, "message_id");
  const std::string name = id != nullptr && id->is_string() ? id->get<std::string>() : "";
  const Json* tree = member(member(chat, "history"), "messages");
  const Json* list = member(chat, "messages");
  std::vector<Json> turns;
  if (tree != nullptr && tree->is_object()) { turns = turns_of_tree(*tree, name); }
  if (turns.empty() && list != nullptr && list->is_array()) {
    turns = turns_of_list(*list, name, member(meta, "message_index"));
  }
  return turns;
}

}  // namespace

bool fits_open_webui(const Json& row) {
  return has(row, "data") && row["data"].is_object() && row["data"].contains("rating") &&
         has(row, "snapshot") && row["snapshot"].is_object();
}

OwnRow own_open_webui(const RowView& row) {
  const Json& rating = need(row, "data")["rating"];
  const Json* snapshot = member(&need(row, "snapshot"), "chat");
  const Json* inner = member(snapshot, "chat");
  const Json* chat = inner != nullptr ? inner : snapshot;
  const Json* meta = has(row.json, "meta") ? &need(row, "meta") : nullptr;
  std::vector<Json> turns = rated_turns(chat, meta);
  if (turns.empty() || turns.back()["role"] != "assistant") {
    bad_field(row, "meta.message_id", "must name an assistant's message of snapshot.chat");
  }
  if (const Json* system = member(member(chat, "params"), "system");
      system != nullptr && system->is_string() && turns[0]["role"] != "system" && *system != "") {
    turns.insert(turns.begin(), Json{{"role", "system"}, {"content", *system}});
  }
  OwnRow own{.row = {{"messages", turns}}};
  const bool up = rating == 1 || rating == "1", down = rating == -1 || rating == "-1";
  if (!up && !down && !rating.is_null() && rating != 0) { wrong_type(row, "data.rating", "1 or -1", rating); }
  if (up || down) {
    own.row["label"] = up;
  } else {
    own.drop = "label missing";
  }
  return own;
}

}  // namespace una::rows
