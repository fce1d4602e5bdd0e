#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/demo/style/style.h"
#include "una/demo/style/words.h"

namespace una::demo::style {
namespace {

constexpr std::string_view kBefore = "note: ";

// How many demands beyond the topic are open, and how many free; the rest is vain. Drawn equally often: from [0, 0.4]
// over [0.2, 0.8] to [0.6, 1] attainable.
struct Mixture {
  std::size_t open, free;
};
constexpr std::array<Mixture, 5> kMixtures = {{{1, 0}, {2, 0}, {2, 1}, {2, 2}, {1, 3}}};

constexpr std::array kOpenKinds = {Kind::kLength, Kind::kUse, Kind::kAvoid, Kind::kPolite,
                                   Kind::kComma,  Kind::kEnd, Kind::kBegin};

// The words before a demand's value.
const char* before_value(Kind kind) {
  static constexpr std::array<const char*, kKinds> kTexts = {
      "about ", "", "use ", "avoid ", "politely", "no comma", "end with ", "begin with ", "", ""};
  return kTexts.at(static_cast<std::size_t>(kind));
}

template <class T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (std::size_t i = items.size(); i > 1; --i) { std::swap(items[i - 1], items[rng.below(i)]); }
}

std::string draw_value(Kind kind, Rng& rng) {
  const std::vector<std::string>& values = demand_values(kind);
  return values.empty() ? "" : values[rng.below(values.size())];
}

// Words that a note needs for the demands: subject, verb and adjective, and what each asks for.
int needed_words(const std::vector<Demand>& demands) {
  int words = 4;
  for (const Demand& demand : demands) {
    words += demand.kind == Kind::kUse || demand.kind == Kind::kPolite ? 2
             : demand.kind == Kind::kBegin                             ? 1
                                                                       : 0;
  }
  return words;
}

void add_several(std::vector<Demand>& demands, Kind kind, std::size_t n, Rng& rng) {
  std::vector<std::string> values = demand_values(kind);
  shuffle(values, rng);
  for (std::size_t i = 0; i < n; ++i) { demands.push_back({kind, values.at(i)}); }
}

KeyedPrompt draw_prompt(Rng& rng) {
  const Mixture mixture = kMixtures.at(rng.below(kMixtures.size()));
  std::vector<Kind> kinds(kOpenKinds.begin(), kOpenKinds.end());
  shuffle(kinds, rng);
  kinds.resize(mixture.open);
  std::vector<Demand> demands;
  for (const Kind kind : kinds) { demands.push_back({kind, draw_value(kind, rng)}); }
  for (Demand& demand : demands) {
    if (demand.kind != Kind::kLength) { continue; }
    demand.value = std::to_string(needed_words(demands) + static_cast<int>(rng.below(4)));
  }
  add_several(demands, Kind::kFree, mixture.free, rng);
  add_several(demands, Kind::kVain, kDemands - 1 - mixture.open - mixture.free, rng);
  shuffle(demands, rng);
  demands.insert(demands.begin(), {Kind::kTopic, draw_value(Kind::kTopic, rng)});
  const Prompt prompt{demands};
  return {prompt.text(), prompt.key()};
}

std::string text_of(const std::vector<Demand>& demands) {
  std::vector<std::string> parts;
  for (const Demand& demand : demands) { parts.push_back(demand.text()); }
  return cat(kBefore, join(parts, "; "));
}

// All demands that prompts are made of, by their text.
const std::vector<Demand>& all_demands() {
  static const std::vector<Demand> kAll = [] {
    std::vector<Demand> out;
    for (int kind = 0; kind < kKinds; ++kind) {
      const auto k = static_cast<Kind>(kind);
      for (const std::string& value : demand_values(k)) { out.push_back({k, value}); }
      if (demand_values(k).empty()) { out.push_back({k, ""}); }
    }
    return out;
  }();
  return kAll;
}

Prompt read(std::string_view text) {
  const std::optional<Prompt> prompt = parse_prompt(text);
  check(prompt.has_value(), "style: a prompt of another task");
  return *prompt;
}

}  // namespace

std::string Demand::text() const {
  return cat(before_value(kind), value, kind == Kind::kLength ? " words" : "");
}

std::string Prompt::text() const { return text_of(demands); }

std::string Prompt::key() const {
  std::vector<Demand> sorted = demands;
  std::sort(sorted.begin(), sorted.end(), [](const Demand& a, const Demand& b) {
    return std::pair(a.kind, a.value) < std::pair(b.kind, b.value);
  });
  return text_of(sorted);
}

std::optional<Prompt> parse_prompt(std::string_view text) {
  if (!starts_with(text, kBefore)) { return std::nullopt; }
  Prompt prompt;
  for (const std::string& part : split(text.substr(kBefore.size()), ';')) {
    const std::string_view wanted = trim(part);
    const auto found = std::find_if(all_demands().begin(), all_demands().end(),
                                    [&](const Demand& demand) { return demand.text() == wanted; });
    if (found == all_demands().end()) { return std::nullopt; }
    prompt.demands.push_back(*found);
  }
  return prompt;
}

Task task() {
  return {.name = "style",
          .summary = "a note that keeps demands; prompts differ in what can be kept",
          .make_prompts = [](std::int64_t n, std::uint64_t seed,
                             Split split) { return draw_prompts(n, seed, split, "demo/style", draw_prompt); },
          .make_answer = [](std::string_view prompt, double quality,
                            Rng& rng) { return make_answer(read(prompt), quality, rng); },
          .gold = [](std::string_view prompt, std::string_view answer) { return gold(read(prompt), answer); },
          .quality = {.lowest = 0.4, .highest = 1},
          .max_new_tokens = 48};
}

}  // namespace una::demo::style
