#include <algorithm>
#include <utility>

#include "una/base/format.h"
#include "una/demo/dialogue/dialogue.h"
#include "una/demo/dialogue/grammar.h"

namespace una::demo::dialogue {
namespace {

std::string fact_text(const Fact& fact) {
  return fact.value == "?" ? cat(slot_name(fact.slot), "=?")
                           : cat(slot_name(fact.slot), "='", fact.value, "'");
}

std::string prompt_text(Act act, const std::vector<Fact>& facts) {
  std::vector<std::string> parts;
  for (const Fact& fact : facts) { parts.push_back(fact_text(fact)); }
  return cat(act_name(act), "(", join(parts, ", "), ")");
}

template <class T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) { std::swap(items[i - 1], items[rng.below(i)]); }
}

const std::string& draw_value(Slot slot, Rng& rng) {
  const std::vector<std::string>& values = slot_values(slot);
  return values[rng.below(values.size())];
}

// The slots other than the name, in random order.
std::vector<Slot> draw_slots(Rng& rng) {
  std::vector<Slot> slots;
  for (int i = 1; i < kSlots; ++i) { slots.push_back(static_cast<Slot>(i)); }
  shuffle(slots, rng);
  return slots;
}

// Between `range.first` and `range.second` of the slots from index `from` on.
void add_values(std::vector<Fact>& facts, const std::vector<Slot>& slots, std::size_t from,
                std::pair<std::uint64_t, std::uint64_t> range, Rng& rng) {
  const std::uint64_t n = range.first + rng.below(range.second - range.first + 1);
  for (std::size_t i = from; i < from + n; ++i) {
    facts.push_back({slots.at(i), draw_value(slots.at(i), rng)});
  }
}

// One or two requested slots, then given ones, at most four in all.
std::vector<Fact> request_facts(Rng& rng) {
  std::vector<Slot> slots = draw_slots(rng);
  std::stable_partition(slots.begin(), slots.end(), detail::can_be_asked);
  const std::uint64_t asked = 1 + rng.below(2);
  std::vector<Fact> facts;
  for (std::size_t i = 0; i < asked; ++i) { facts.push_back({slots[i], "?"}); }
  std::vector<Slot> rest(slots.begin() + static_cast<std::ptrdiff_t>(asked), slots.end());
  shuffle(rest, rng);
  add_values(facts, rest, 0, {1, 4 - asked}, rng);
  return facts;
}

// Two values of one slot, then up to two other slots.
std::vector<Fact> select_facts(Rng& rng) {
  const std::vector<Slot> slots = draw_slots(rng);
  std::vector<std::string> values = slot_values(slots[0]);
  shuffle(values, rng);
  std::vector<Fact> facts = {{slots[0], values[0]}, {slots[0], values[1]}};
  add_values(facts, slots, 1, {0, 2}, rng);
  return facts;
}

Prompt draw_prompt(Rng& rng) {
  Prompt prompt;
  prompt.act = static_cast<Act>(rng.below(kActs));
  if (prompt.act == Act::kRequest) {
    prompt.facts = request_facts(rng);
  } else if (prompt.act == Act::kSelect) {
    prompt.facts = select_facts(rng);
  } else if (prompt.act == Act::kInform || prompt.act == Act::kRecommend) {
    prompt.facts = {{Slot::kName, draw_value(Slot::kName, rng)}};
    add_values(prompt.facts, draw_slots(rng), 0, {1, 3}, rng);
  } else {
    add_values(prompt.facts, draw_slots(rng), 0, {2, 4}, rng);
  }
  shuffle(prompt.facts, rng);
  return prompt;
}

std::optional<Act> act_named(std::string_view name) {
  for (int i = 0; i < kActs; ++i) {
    if (name == act_name(static_cast<Act>(i))) { return static_cast<Act>(i); }
  }
  return std::nullopt;
}

std::optional<Fact> parse_fact(std::string_view text) {
  for (int i = 0; i < kSlots; ++i) {
    const Slot slot = static_cast<Slot>(i);
    const std::string before = cat(slot_name(slot), "=");
    if (!starts_with(text, before)) { continue; }
    const std::string_view rest = text.substr(before.size());
    if (rest == "?") { return detail::can_be_asked(slot) ? std::optional<Fact>({slot, "?"}) : std::nullopt; }
    for (const std::string& value : slot_values(slot)) {
      if (rest == cat("'", value, "'")) { return Fact{slot, value}; }
    }
  }
  return std::nullopt;
}

}  // namespace

std::string Prompt::text() const { return prompt_text(act, facts); }

std::string Prompt::key() const {
  std::vector<Fact> sorted = facts;
  std::sort(sorted.begin(), sorted.end(), [](const Fact& a, const Fact& b) {
    return std::pair(a.slot, a.value) < std::pair(b.slot, b.value);
  });
  return prompt_text(act, sorted);
}

std::optional<Prompt> parse_prompt(std::string_view text) {
  const std::size_t open = text.find('(');
  if (open == std::string_view::npos || !ends_with(text, ")")) { return std::nullopt; }
  const std::optional<Act> act = act_named(text.substr(0, open));
  if (!act) { return std::nullopt; }
  Prompt prompt{.act = *act};
  for (const std::string& part : split(text.substr(open + 1, text.size() - open - 2), ',')) {
    const std::optional<Fact> fact = parse_fact(trim(part));
    if (!fact) { return std::nullopt; }
    prompt.facts.push_back(*fact);
  }
  return prompt;
}

std::vector<std::string> make_prompt_texts(std::int64_t n, std::uint64_t seed, Split split) {
  return draw_prompts(n, seed, split, "demo/prompts", [](Rng& rng) {
    const Prompt prompt = draw_prompt(rng);
    return KeyedPrompt{prompt.text(), prompt.key()};
  });
}

std::vector<Prompt> make_prompts(std::int64_t n, std::uint64_t seed, Split split) {
  std::vector<Prompt> prompts;
  for (const std::string& text : make_prompt_texts(n, seed, split)) {
    prompts.push_back(*parse_prompt(text));
  }
  return prompts;
}

}  // namespace una::demo::dialogue
