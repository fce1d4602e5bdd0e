#include <algorithm>
#include <limits>
#include <numeric>

#include "una/demo/dialogue/dialogue.h"
#include "una/demo/dialogue/grammar.h"

namespace una::demo::dialogue {
namespace {

using detail::Words;

// Far more than any sentence of the task has; bounds the work on endless answers.
constexpr std::size_t kLongest = 200;

std::ptrdiff_t offset(std::size_t n) { return static_cast<std::ptrdiff_t>(n); }

bool take_out_rude_remarks(Words& words) {
  bool found = false;
  for (const Words& remark : detail::rude_remarks()) {
    for (auto at = std::search(words.begin(), words.end(), remark.begin(), remark.end()); at != words.end();
         at = std::search(words.begin(), words.end(), remark.begin(), remark.end())) {
      words.erase(at, at + offset(remark.size()));
      found = true;
    }
  }
  return found;
}

// Levenshtein distance over words.
std::size_t edits(const Words& a, const Words& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

// The sentence of the grammar that is nearest to an answer.
struct Nearest {
  std::size_t edits = std::numeric_limits<std::size_t>::max();
  std::size_t length = 0;     // in words
  bool is_asked_act = false;  // whether it (or another equally near one) has the prompt's act
};

// The sentence of the grammar, of any act, that expresses the answer's facts with the fewest edits.
Nearest nearest_sentence(const Words& words, const std::vector<Fact>& facts, Act asked) {
  Nearest best;
  for (int act = 0; act < kActs; ++act) {
    for (int frame = 0; frame < detail::kFrames; ++frame) {
      const Words sentence =
          detail::to_words(detail::to_text(detail::realise(static_cast<Act>(act), facts, frame)));
      const std::size_t distance = edits(words, sentence);
      const bool is_asked = static_cast<Act>(act) == asked;
      if (distance < best.edits) { best = {distance, sentence.size(), is_asked}; }
      if (distance == best.edits) { best.is_asked_act = best.is_asked_act || is_asked; }
    }
  }
  return best;
}

int coherence_of(const Words& words, const Nearest& nearest, bool says_twice) {
  const std::size_t longer = std::max(words.size(), nearest.length);
  const std::size_t n = nearest.edits;
  int value = n == 0 ? 4 : n == 1 ? 3 : n <= 3 ? 2 : n <= 6 ? 1 : 0;
  if (10 * n > 3 * longer) { value = std::min(value, 1); }
  if (2 * n > longer) { value = 0; }
  return std::max(0, value - (says_twice ? 1 : 0));
}

}  // namespace

Attributes score(const Prompt& prompt, std::string_view answer) {
  Words words = detail::to_words(answer);
  const bool is_rude = take_out_rude_remarks(words);
  if (words.empty() || prompt.facts.empty()) { return {}; }
  const bool has_filler = std::any_of(words.begin(), words.end(), [](const std::string& word) {
    const std::vector<std::string>& fillers = detail::filler_words();
    return std::find(fillers.begin(), fillers.end(), word) != fillers.end();
  });
  const std::vector<Fact> mentions = detail::facts_in(words);
  const std::vector<Fact> said = detail::without_repetitions(mentions);

  Attributes out;
  Nearest nearest;
  if (words.size() <= kLongest) {
    nearest = nearest_sentence(words, said, prompt.act);
    out.coherence = coherence_of(words, nearest, said.size() < mentions.size());
  }
  const auto is_asked = [&](const Fact& fact) { return detail::has_fact(prompt.facts, fact); };
  const int asked = static_cast<int>(prompt.facts.size());
  const int right = static_cast<int>(std::count_if(said.begin(), said.end(), is_asked));
  const int wrong = static_cast<int>(said.size()) - right;
  out.correctness = std::max(0, (8 * right + asked) / (2 * asked) - wrong);
  out.helpfulness = 4 - std::min(2, asked - right) - (nearest.is_asked_act ? 0 : 2) - (is_rude ? 2 : 0) -
                    (has_filler ? 1 : 0);
  const int most = out.coherence < 2 ? out.coherence + 1 : 4;
  out.correctness = std::min(out.correctness, most);
  out.helpfulness = std::clamp(out.helpfulness, 0, std::min(most, out.correctness + 1));
  return out;
}

double gold(const Attributes& attributes) {
  // In twentieths, so that the best answer is exactly 1.
  return (13 * attributes.helpfulness + 16 * attributes.correctness + 9 * attributes.coherence) / 152.0;
}

double gold(const Prompt& prompt, std::string_view answer) { return gold(score(prompt, answer)); }

}  // namespace una::demo::dialogue
