#include "una/demo/dialogue/grammar.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <utility>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/format.h"

namespace una::demo::dialogue {
namespace {

std::vector<std::string> make_names() {
  std::vector<std::string> names;
  for (const char* first : {"golden", "blue", "royal", "silver", "red", "little"}) {
    for (const char* second : {"wok", "lotus", "lantern", "garden", "anchor"}) {
      names.push_back(cat(first, " ", second));
    }
  }
  return names;
}

}  // namespace

const char* act_name(Act act) {
  static constexpr std::array<const char*, kActs> names = {"inform",  "recommend", "confirm",
                                                           "request", "select",    "nomatch"};
  return names.at(static_cast<std::size_t>(act));
}

const char* slot_name(Slot slot) {
  static constexpr std::array<const char*, kSlots> names = {"name", "price", "food",  "audience",
                                                            "area", "near",  "rating"};
  return names.at(static_cast<std::size_t>(slot));
}

// No word occurs in two lists or elsewhere in the grammar, so that a value identifies its slot.
const std::vector<std::string>& slot_values(Slot slot) {
  static const std::array<std::vector<std::string>, kSlots> values = {{
      make_names(),
      {"cheap", "affordable", "pricey", "upscale"},
      {"thai", "indian", "italian", "french", "chinese", "japanese", "mexican", "greek", "turkish", "spanish",
       "korean", "vegan"},
      {"families", "couples", "students", "groups"},
      {"centre", "north", "south", "east", "west", "suburbs"},
      {"museum", "station", "park", "cathedral", "market", "library", "bridge", "theatre"},
      {"poor", "average", "good", "excellent"},
  }};
  return values.at(static_cast<std::size_t>(slot));
}

namespace detail {
namespace {

const std::array<std::string, kSlots>& questions() {
  static const std::array<std::string, kSlots> phrases = {"",           "what price", "what food",  "",
                                                          "which area", "",           "what rating"};
  return phrases;
}

Words plain_split(std::string_view text) {
  Words words;
  for (std::string& word : split(text, ' ')) {
    if (!word.empty()) { words.push_back(std::move(word)); }
  }
  return words;
}

void append(Words& words, std::string_view text) {
  for (std::string& word : plain_split(text)) { words.push_back(std::move(word)); }
}

void append(Words& words, const Words& more) { words.insert(words.end(), more.begin(), more.end()); }

// "thai", "thai or greek", "" when the slot has no value.
std::string values_of(Slot slot, const std::vector<Fact>& facts) {
  std::vector<std::string> values;
  for (const Fact& fact : facts) {
    if (fact.slot == slot && fact.value != "?") { values.push_back(fact.value); }
  }
  return join(values, " or ");
}

// "cheap thai restaurant for families in the centre near the museum with good reviews"
Words noun_phrase(const std::vector<Fact>& facts) {
  Words words;
  append(words, values_of(Slot::kPrice, facts));
  append(words, values_of(Slot::kFood, facts));
  append(words, "restaurant");
  const auto tail = [&](Slot slot, const char* before, const char* after) {
    const std::string values = values_of(slot, facts);
    if (!values.empty()) { append(words, cat(before, " ", values, " ", after)); }
  };
  tail(Slot::kAudience, "for", "");
  tail(Slot::kArea, "in the", "");
  tail(Slot::kNear, "near the", "");
  tail(Slot::kRating, "with", "reviews");
  return words;
}

Words with_article(const Words& phrase) {
  const bool vowel = std::string_view("aeiou").find(phrase.front().front()) != std::string_view::npos;
  Words words = {vowel ? "an" : "a"};
  append(words, phrase);
  return words;
}

bool says_only_names(const std::vector<Fact>& facts) {
  return std::none_of(facts.begin(), facts.end(),
                      [](const Fact& fact) { return fact.slot != Slot::kName && fact.value != "?"; });
}

// "the golden wok, a thai restaurant"; without a name "a thai restaurant".
Words place(const std::vector<Fact>& facts) {
  const std::string name = values_of(Slot::kName, facts);
  if (name.empty()) { return with_article(noun_phrase(facts)); }
  Words words = {"the"};
  append(words, name);
  if (!says_only_names(facts)) {
    append(words, ",");
    append(words, with_article(noun_phrase(facts)));
  }
  return words;
}

// "what food and which area"
std::string question(const std::vector<Fact>& facts) {
  std::vector<std::string> phrases;
  for (const Fact& fact : facts) {
    if (fact.value == "?") { phrases.push_back(questions().at(static_cast<std::size_t>(fact.slot))); }
  }
  return phrases.empty() ? "what" : join(phrases, " and ");
}

bool says_nothing(const std::vector<Fact>& facts) {
  return std::all_of(facts.begin(), facts.end(), [](const Fact& fact) { return fact.value == "?"; });
}

Words framed(std::string_view before, const Words& middle, std::string_view after) {
  Words words = plain_split(before);
  append(words, middle);
  append(words, after);
  return words;
}

Words inform(const std::vector<Fact>& facts, int frame) {
  const std::string name = values_of(Slot::kName, facts);
  const Words phrase = with_article(noun_phrase(facts));
  if (frame == 1) { return framed("There is", phrase, name.empty() ? "." : cat("called the ", name, " .")); }
  return framed(name.empty() ? "It is" : cat("The ", name, " is"), phrase, ".");
}

Words nomatch(const std::vector<Fact>& facts, int frame) {
  if (frame == 1) { return framed("I am afraid I could not find", place(facts), "."); }
  const std::string name = values_of(Slot::kName, facts);
  return framed("Sorry , there is no", noun_phrase(facts),
                name.empty() ? "." : cat("called the ", name, " ."));
}

Words request(const std::vector<Fact>& facts, int frame) {
  Words words =
      plain_split(cat(frame == 0 ? "Could you tell me " : "May I ask ", question(facts), " you want"));
  if (!says_nothing(facts)) {
    append(words, "for");
    append(words, place(facts));
  }
  append(words, "?");
  return words;
}

// A phrase of the grammar and the fact that it expresses.
struct Phrase {
  Words words;
  Fact fact;
};

std::vector<Phrase> make_phrases() {
  std::vector<Phrase> phrases;
  for (int i = 0; i < kSlots; ++i) {
    const Slot slot = static_cast<Slot>(i);
    for (const std::string& value : slot_values(slot)) {
      phrases.push_back({plain_split(value), {slot, value}});
    }
    if (can_be_asked(slot)) {
      phrases.push_back({plain_split(questions().at(static_cast<std::size_t>(i))), {slot, "?"}});
    }
  }
  return phrases;
}

// Phrases by their first word, so that lookups stay fast on long answers.
const std::map<std::string, std::vector<Phrase>>& phrases_by_word() {
  static const std::map<std::string, std::vector<Phrase>> index = [] {
    std::map<std::string, std::vector<Phrase>> out;
    for (Phrase& phrase : make_phrases()) { out[phrase.words.front()].push_back(std::move(phrase)); }
    return out;
  }();
  return index;
}

bool stands_at(const Words& phrase, const Words& words, std::size_t at) {
  return at + phrase.size() <= words.size() &&
         std::equal(phrase.begin(), phrase.end(), words.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

Words realise(Act act, const std::vector<Fact>& facts, int frame) {
  switch (act) {
    case Act::kInform:
      return inform(facts, frame);
    case Act::kRecommend:
      return framed(frame == 0 ? "I would recommend" : "You should try", place(facts), ".");
    case Act::kConfirm:
      return frame == 0 ? framed("So you want", place(facts), ", is that right ?")
                        : framed("Did you say that you want", place(facts), "?");
    case Act::kRequest:
      return request(facts, frame);
    case Act::kSelect:
      return framed(frame == 0 ? "Would you prefer" : "Shall I look for", place(facts), "?");
    case Act::kNomatch:
      return nomatch(facts, frame);
  }
  throw InternalError("demo: unknown act");
}

std::string to_text(const Words& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty() && word != "." && word != "," && word != "?") { text += ' '; }
    text += word;
  }
  return text;
}

Words to_words(std::string_view text) {
  Words words;
  bool inside = false;
  for (const char c : text) {
    const unsigned char byte = static_cast<unsigned char>(c);
    const bool letter = byte < 128 && std::isalnum(byte) != 0;
    if (letter && inside) {
      words.back() += lower_ascii(c);
    } else if (letter) {
      words.emplace_back(1, lower_ascii(c));
    } else if (std::isspace(byte) == 0) {
      words.emplace_back(1, c);
    }
    inside = letter;
  }
  return words;
}

bool can_be_asked(Slot slot) { return !questions().at(static_cast<std::size_t>(slot)).empty(); }

const std::vector<Words>& rude_remarks() {
  static const std::vector<Words> remarks = {plain_split("figure it out yourself ."),
                                             plain_split("stop wasting my time ."),
                                             plain_split("i really do not care .")};
  return remarks;
}

const std::vector<std::string>& filler_words() {
  static const std::vector<std::string> words = {"um", "uh", "basically", "anyway"};
  return words;
}

std::vector<Fact> facts_in(const Words& words) {
  std::vector<Fact> facts;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const auto found = phrases_by_word().find(words[at]);
    if (found == phrases_by_word().end()) { continue; }
    for (const Phrase& phrase : found->second) {
      if (!stands_at(phrase.words, words, at)) { continue; }
      facts.push_back(phrase.fact);
      at += phrase.words.size() - 1;
      break;
    }
  }
  return facts;
}

bool has_fact(const std::vector<Fact>& facts, const Fact& fact) {
  return std::find(facts.begin(), facts.end(), fact) != facts.end();
}

std::vector<Fact> without_repetitions(const std::vector<Fact>& facts) {
  std::vector<Fact> out;
  for (const Fact& fact : facts) {
    if (!has_fact(out, fact)) { out.push_back(fact); }
  }
  return out;
}

}  // namespace detail
}  // namespace una::demo::dialogue
