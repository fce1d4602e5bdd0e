#include <algorithm>
#include <cctype>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/demo/style/style.h"
#include "una/demo/style/words.h"

namespace una::demo::style {
namespace {

using detail::Words;

const std::string& draw(const Words& words, Rng& rng) { return words[rng.below(words.size())]; }

std::string draw_other(const Words& words, const std::string& than, Rng& rng) {
  std::string word = draw(words, rng);
  while (word == than) { word = draw(words, rng); }
  return word;
}

// What a note is to be: as the writer likes, until a demand changes it.
struct Plan {
  std::string topic, use, opener, end = ".";
  bool may_say_the = true, may_say_is = true, has_comma = false, is_polite = false;
  int words = 0;  // 0: as many as it takes
};

Plan liked(Rng& rng) {
  Plan plan;
  plan.topic = draw(demand_values(Kind::kTopic), rng);
  if (rng.uniform() < 0.3) { plan.opener = draw(demand_values(Kind::kBegin), rng); }
  if (rng.uniform() < 0.4) { plan.end = draw(demand_values(Kind::kEnd), rng); }
  plan.has_comma = rng.uniform() < 0.5;
  plan.is_polite = rng.uniform() < 0.15;
  return plan;
}

// The demand kept, or passed over in its own way.
void plan_for(Plan& plan, const Demand& demand, bool keeps, Rng& rng) {
  switch (demand.kind) {
    case Kind::kTopic:
      plan.topic = keeps ? demand.value : draw_other(demand_values(Kind::kTopic), demand.value, rng);
      break;
    case Kind::kLength:
      plan.words = std::stoi(demand.value) + (keeps ? 0 : 1 + static_cast<int>(rng.below(3)));
      if (!keeps && rng.below(2) == 0) { plan.words = std::max(1, 2 * std::stoi(demand.value) - plan.words); }
      break;
    case Kind::kUse:
      plan.use = keeps ? demand.value : "";
      break;
    case Kind::kAvoid:
      (demand.value == "the" ? plan.may_say_the : plan.may_say_is) = !keeps;
      break;
    case Kind::kPolite:
      plan.is_polite = keeps;
      break;
    case Kind::kComma:
      plan.has_comma = !keeps;
      break;
    case Kind::kEnd:
      plan.end = keeps ? demand.value : draw_other(demand_values(Kind::kEnd), demand.value, rng);
      break;
    case Kind::kBegin:
      plan.opener = keeps ? demand.value : "";
      break;
    case Kind::kFree:
    case Kind::kVain:
      break;
  }
}

// "today", "the boat is old", "with rain", "again", "thank you": parts, so that a comma has a place.
std::vector<Words> parts_of(const Plan& plan, Rng& rng) {
  std::vector<Words> parts;
  if (!plan.opener.empty()) { parts.push_back({plan.opener}); }
  parts.push_back({plan.may_say_the ? "the" : "our", plan.topic, plan.may_say_is ? "is" : "looks",
                   draw(detail::adjectives(), rng)});
  if (!plan.use.empty()) { parts.push_back({"with", plan.use}); }
  return parts;
}

int count_words(const std::vector<Words>& parts) {
  int words = 0;
  for (const Words& part : parts) { words += static_cast<int>(part.size()); }
  return words;
}

// Fills up to the number of words, which a note cannot fall below what it has to say.
void fill(std::vector<Words>& parts, int words, Rng& rng) {
  Words fillers = detail::fillers();
  while (count_words(parts) < words && !fillers.empty()) {
    const auto at = static_cast<std::ptrdiff_t>(rng.below(fillers.size()));
    parts.push_back({fillers[static_cast<std::size_t>(at)]});
    fillers.erase(fillers.begin() + at);
  }
}

std::string written(const std::vector<Words>& parts, std::size_t comma_after, const std::string& end) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    text += cat(i == 0 ? "" : i == comma_after ? ", " : " ", join(parts[i], " "));
  }
  text[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(text[0])));
  return text + end;
}

}  // namespace

std::string make_answer(const Prompt& prompt, double quality, Rng& rng) {
  check(quality >= 0 && quality <= 1, "make_answer: quality outside [0, 1]");
  Plan plan = liked(rng);
  const auto asks = [&](Kind kind) {
    return std::any_of(prompt.demands.begin(), prompt.demands.end(),
                       [&](const Demand& d) { return d.kind == kind; });
  };
  if (asks(Kind::kLength)) {
    plan.opener = "";
    plan.is_polite = false;
  }  // room for what is demanded
  for (const Demand& demand : prompt.demands) { plan_for(plan, demand, rng.uniform() < quality, rng); }
  std::vector<Words> parts = parts_of(plan, rng);
  const int polite = plan.is_polite ? 2 : 0;
  fill(parts, plan.words > 0 ? plan.words - polite : count_words(parts) + static_cast<int>(rng.below(4)),
       rng);
  if (plan.is_polite) { parts.push_back({"thank", "you"}); }
  if (plan.has_comma && parts.size() == 1 && plan.words == 0) {
    parts.push_back({draw(detail::fillers(), rng)});
  }
  const std::size_t comma_after = plan.has_comma && parts.size() > 1 ? 1 + rng.below(parts.size() - 1) : 0;
  return written(parts, comma_after, plan.end);
}

}  // namespace una::demo::style
