#include <array>
#include <set>

#include "una/base/format.h"
#include "una/demo/style/style.h"
#include "una/demo/style/words.h"

namespace una::demo::style {

// No word occurs in two lists of words, so that a note keeps a demand only on purpose.
const std::vector<std::string>& demand_values(Kind kind) {
  static const std::array<std::vector<std::string>, kKinds> kValues = {{
      {"boat", "garden", "market", "bridge", "library", "museum", "river", "school"},
      {"4", "5", "6", "7", "8", "9"},
      {"rain", "music", "bread", "snow", "light", "birds", "tea", "books"},
      {"the", "is"},
      {},
      {},
      {".", "!", "?"},
      {"today", "look", "well", "sadly", "luckily"},
      {"in plain text", "on one page", "without pictures", "on any paper", "for any reader", "in no hurry",
       "by any hand", "at any hour"},
      {"in blue ink", "with a drawing", "on pink paper", "with a stamp", "in gold letters", "with a photo",
       "sung out loud", "carved in stone"},
  }};
  return kValues.at(static_cast<std::size_t>(kind));
}

namespace detail {

const Words& adjectives() {
  static const Words kWords = {"old", "new", "quiet", "bright", "small", "large", "cold", "warm"};
  return kWords;
}

const Words& fillers() {
  static const Words kWords = {"again", "here", "now", "still", "indeed", "once", "outside", "already"};
  return kWords;
}

bool is_known(const std::string& word) {
  static const std::set<std::string> kKnown = [] {
    std::set<std::string> out = {"the", "our", "is", "looks", "with", "thank", "you"};
    for (const Words* words : {&adjectives(), &fillers(), &demand_values(Kind::kTopic),
                               &demand_values(Kind::kUse), &demand_values(Kind::kBegin)}) {
      out.insert(words->begin(), words->end());
    }
    return out;
  }();
  return kKnown.count(word) > 0;
}

}  // namespace detail
}  // namespace una::demo::style
