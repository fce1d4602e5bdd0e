#include "una/rows/schemas/turns/answer_turns.h"

#include <algorithm>
#include <vector>

#include "una/rows/drops.h"

namespace una::rows {
namespace {

using Turns = std::vector<Message>;

bool is_other(const Message& turn) {
  return turn.role == "user" || turn.role == "system" || turn.role == "developer" || turn.role == "tool";
}

bool same_turn(const Message& a, const Message& b) {
  return a.role == b.role && a.content == b.content && a.extra == b.extra;
}

// How many turns of others an answer begins with.
std::ptrdiff_t before_answer(const Turns& turns, bool single) {
  const auto is_user = [](const Message& turn) { return turn.role == "user"; };
  if (single) {
    const auto last = std::find_if(turns.rbegin(), turns.rend(), is_user);
    if (last != turns.rend()) { return last.base() - turns.begin(); }
  }
  return std::find_if_not(turns.begin(), turns.end(), is_other) - turns.begin();
}

// System turns go first.
void add_turns(Turns& prompt, const Turns& moved) {
  const bool has_system = !prompt.empty() && prompt[0].role == "system";
  const auto is_system = [](const Message& turn) { return turn.role == "system"; };
  const auto end = has_system ? moved.begin() : std::find_if_not(moved.begin(), moved.end(), is_system);
  prompt.insert(prompt.begin(), moved.begin(), end);
  prompt.insert(prompt.end(), end, moved.end());
}

}  // namespace

void settle_answer_turns(ReadRow& out) {
  std::vector<Response>& responses = out.example.responses;
  if (responses.empty() || !responses[0].text.is_chat) { return; }
  for (Response& response : responses) {
    Turns& turns = response.text.messages;
    while (!turns.empty() && is_other(turns.back())) {
      turns.pop_back();
      ++out.turns_behind;
    }
  }
  const Turns& first = responses[0].text.messages;
  const std::ptrdiff_t before = before_answer(first, responses.size() == 1);
  const Turns moved(first.begin(), first.begin() + before);
  const bool all = std::all_of(responses.begin(), responses.end(), [&](const Response& response) {
    const Turns& turns = response.text.messages;
    return before_answer(turns, responses.size() == 1) == before &&
           std::equal(moved.begin(), moved.end(), turns.begin(), same_turn);
  });
  if (!all) {
    if (out.drop.empty()) { out.drop = kNoSharedPrompt; }
    return;
  }
  add_turns(out.example.prompt.messages, moved);
  for (Response& response : responses) {
    Turns& turns = response.text.messages;
    turns.erase(turns.begin(), turns.begin() + before);
  }
}

void take_answer_back(ReadRow& out) {
  std::vector<Response>& responses = out.example.responses;
  if (out.behind.empty() || responses.size() != 1) { return; }
  Turns& prompt = out.example.prompt.messages;
  for (Turns* turns : {&responses[0].text.messages, &out.behind}) {
    prompt.insert(prompt.end(), turns->begin(), turns->end());
  }
  responses.clear();
  out.behind.clear();
  out.example.unit = Unit::kPrompt;
}

}  // namespace una::rows
