#include <algorithm>
#include <cctype>
#include <cmath>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/demo/style/style.h"
#include "una/demo/style/words.h"

namespace una::demo::style {
namespace {

// What the demands look at.
struct Note {
  std::vector<std::string> words;  // lower case
  bool has_comma = false;
  char last = 0;  // the last byte that is not white space
};

Note note_of(std::string_view text) {
  Note note;
  bool inside = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_letter = byte >= 128 || std::isalnum(byte) != 0;
    if (is_letter && !inside) { note.words.emplace_back(); }
    if (is_letter) { note.words.back() += lower_ascii(c); }
    if (std::isspace(byte) == 0) { note.last = c; }
    note.has_comma = note.has_comma || c == ',';
    inside = is_letter;
  }
  return note;
}

bool says(const Note& note, std::string_view word) {
  return std::find(note.words.begin(), note.words.end(), word) != note.words.end();
}

bool is_polite(const Note& note) {
  static const std::vector<std::string> kThanks = {"thank", "you"};
  return std::search(note.words.begin(), note.words.end(), kThanks.begin(), kThanks.end()) !=
         note.words.end();
}

double length_kept(std::size_t words, const std::string& wanted) {
  const double distance = std::abs(static_cast<double>(words) - std::stod(wanted));
  return std::max(0.0, 1 - distance / 4);
}

// How far a demand that is open is kept, in [0, 1].
double kept(const Demand& demand, const Note& note) {
  switch (demand.kind) {
    case Kind::kTopic:
    case Kind::kUse:
      return says(note, demand.value) ? 1 : 0;
    case Kind::kLength:
      return length_kept(note.words.size(), demand.value);
    case Kind::kAvoid:
      return says(note, demand.value) ? 0 : 1;
    case Kind::kPolite:
      return is_polite(note) ? 1 : 0;
    case Kind::kComma:
      return note.has_comma ? 0 : 1;
    case Kind::kEnd:
      return note.last == demand.value[0] ? 1 : 0;
    case Kind::kBegin:
      return note.words.front() == demand.value ? 1 : 0;
    case Kind::kFree:
    case Kind::kVain:
      return 0;
  }
  throw InternalError("style: unknown kind of demand");
}

double count(const Prompt& prompt, Kind kind) {
  return static_cast<double>(std::count_if(prompt.demands.begin(), prompt.demands.end(),
                                           [&](const Demand& demand) { return demand.kind == kind; }));
}

}  // namespace

Range attainable(const Prompt& prompt) {
  const auto all = static_cast<double>(prompt.demands.size());
  return {.lowest = count(prompt, Kind::kFree) / all, .highest = (all - count(prompt, Kind::kVain)) / all};
}

double gold(const Prompt& prompt, std::string_view answer) {
  const Note note = note_of(answer);
  if (note.words.empty() || prompt.demands.empty()) { return 0; }
  double open = 0;
  for (const Demand& demand : prompt.demands) { open += kept(demand, note); }
  const auto known =
      static_cast<double>(std::count_if(note.words.begin(), note.words.end(), detail::is_known));
  return (count(prompt, Kind::kFree) + open * known / static_cast<double>(note.words.size())) /
         static_cast<double>(prompt.demands.size());
}

}  // namespace una::demo::style
