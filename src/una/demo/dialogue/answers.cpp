#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "una/base/error.h"
#include "una/demo/dialogue/dialogue.h"
#include "una/demo/dialogue/grammar.h"

namespace una::demo::dialogue {
namespace {

using detail::Words;

// Faults of content come first, because they change the facts; the others change the finished words.
enum class Fault : std::uint8_t {
  kMissingFact,
  kWrongValue,
  kInventedFact,
  kWrongAct,
  kRepetition,
  kWordOrder,
  kTruncation,
  kFiller,
  kRudeness,
};
constexpr std::array kAllFaults = {Fault::kMissingFact, Fault::kWrongValue, Fault::kInventedFact,
                                   Fault::kWrongAct,    Fault::kRepetition, Fault::kWordOrder,
                                   Fault::kTruncation,  Fault::kFiller,     Fault::kRudeness};
constexpr int kMostFaults = 4;

std::ptrdiff_t offset(std::uint64_t n) { return static_cast<std::ptrdiff_t>(n); }

Slot draw_slot(Rng& rng) { return static_cast<Slot>(rng.below(kSlots)); }

std::string other_value(const Fact& fact, Rng& rng) {
  const std::vector<std::string>& values = slot_values(fact.slot);
  std::string value = values[rng.below(values.size())];
  while (value == fact.value) { value = values[rng.below(values.size())]; }
  return value;
}

void invent_fact(std::vector<Fact>& facts, Rng& rng) {
  const auto is_used = [&](Slot slot) {
    return std::any_of(facts.begin(), facts.end(), [&](const Fact& fact) { return fact.slot == slot; });
  };
  Slot slot = draw_slot(rng);
  while (is_used(slot)) { slot = draw_slot(rng); }
  facts.push_back({slot, slot_values(slot)[rng.below(slot_values(slot).size())]});
}

// Another act over the same facts: a requested value is made up, or a given one is requested.
void change_act(Prompt& said, Rng& rng) {
  const Act before = said.act;
  while (said.act == before) { said.act = static_cast<Act>(rng.below(kActs)); }
  for (Fact& fact : said.facts) {
    if (fact.value == "?") { fact.value = other_value(fact, rng); }
  }
  if (said.act != Act::kRequest) { return; }
  for (Fact& fact : said.facts) {
    if (detail::can_be_asked(fact.slot)) {
      fact.value = "?";
      break;
    }
  }
}

void apply_to_facts(Fault fault, Prompt& said, Rng& rng) {
  if (fault == Fault::kMissingFact && !said.facts.empty()) {
    said.facts.erase(said.facts.begin() + offset(rng.below(said.facts.size())));
  } else if (fault == Fault::kWrongValue && !said.facts.empty()) {
    Fact& fact = said.facts[rng.below(said.facts.size())];
    fact.value = other_value(fact, rng);
  } else if (fault == Fault::kInventedFact) {
    invent_fact(said.facts, rng);
  } else if (fault == Fault::kWrongAct) {
    change_act(said, rng);
  }
}

void repeat_words(Words& words, Rng& rng) {
  const std::uint64_t length = 2 + rng.below(3);
  if (words.size() < length + 1) { return; }
  const std::uint64_t at = rng.below(words.size() - length);  // the final mark stays last
  const Words again(words.begin() + offset(at), words.begin() + offset(at + length));
  words.insert(words.begin() + offset(at + length), again.begin(), again.end());
}

void disturb_order(Words& words, Rng& rng) {
  if (words.size() < 4) { return; }
  const std::uint64_t at = rng.below(words.size() - 2);
  std::rotate(words.begin() + offset(at), words.begin() + offset(at + 1),
              words.begin() + offset(std::min<std::uint64_t>(at + 3, words.size() - 1)));
}

void truncate(Words& words, Rng& rng) {
  const double kept = 0.3 + 0.5 * rng.uniform();
  words.resize(std::max<std::size_t>(2, static_cast<std::size_t>(kept * static_cast<double>(words.size()))));
}

void add_remark(Words& words, Rng& rng) {
  Words remark = detail::rude_remarks()[rng.below(detail::rude_remarks().size())];
  remark[0][0] = static_cast<char>(std::toupper(static_cast<unsigned char>(remark[0][0])));
  words.insert(rng.below(2) == 0 ? words.begin() : words.end(), remark.begin(), remark.end());
}

void apply_to_words(Fault fault, Words& words, Rng& rng) {
  if (fault == Fault::kRepetition) { repeat_words(words, rng); }
  if (fault == Fault::kWordOrder) { disturb_order(words, rng); }
  if (fault == Fault::kTruncation) { truncate(words, rng); }
  if (fault == Fault::kRudeness) { add_remark(words, rng); }
  if (fault == Fault::kFiller) {
    const std::vector<std::string>& fillers = detail::filler_words();
    const std::uint64_t at = 1 + rng.below(words.size() - 1);
    words.insert(words.begin() + offset(at), fillers[rng.below(fillers.size())]);
  }
}

std::vector<Fault> draw_faults(double quality, Rng& rng) {
  std::size_t n = 0;
  for (int i = 0; i < kMostFaults; ++i) { n += rng.uniform() < 1 - quality ? 1 : 0; }
  std::vector<Fault> faults(kAllFaults.begin(), kAllFaults.end());
  for (std::size_t i = 0; i < n; ++i) { std::swap(faults[i], faults[i + rng.below(faults.size() - i)]); }
  faults.resize(n);
  std::sort(faults.begin(), faults.end());
  return faults;
}

}  // namespace

std::string ideal_answer(const Prompt& prompt, int frame) {
  return detail::to_text(detail::realise(prompt.act, prompt.facts, frame));
}

std::string make_answer(const Prompt& prompt, double quality, Rng& rng) {
  check(quality >= 0 && quality <= 1, "make_answer: quality outside [0, 1]");
  const std::vector<Fault> faults = draw_faults(quality, rng);
  Prompt said = prompt;
  for (const Fault fault : faults) { apply_to_facts(fault, said, rng); }
  Words words = detail::realise(said.act, said.facts, static_cast<int>(rng.below(detail::kFrames)));
  for (const Fault fault : faults) { apply_to_words(fault, words, rng); }
  return detail::to_text(words);
}

}  // namespace una::demo::dialogue
