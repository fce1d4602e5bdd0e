#include "una/core/text_json.h"

#include <utility>

namespace una {

Json message_json(const Message& message) {
  Json turn{{"role", message.role}, {"content", message.content}};
  if (!message.extra.empty()) { turn.update(parse_json(message.extra, "a turn's other members")); }
  return turn;
}

Json text_json(const Text& text) {
  if (!text.is_chat) { return text.plain; }
  Json turns = Json::array();
  for (const Message& message : text.messages) { turns.push_back(message_json(message)); }
  return turns;
}

}  // namespace una
