#include "una/eval/ifeval/instructions.h"

#include <algorithm>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/eval/ifeval/arguments.h"
#include "una/eval/ifeval/checkers.h"
#include "una/text/python/strings.h"

namespace una::eval::ifeval {
namespace {

struct Kind {
  const char* id;
  Checker (*make)(const Arguments& arguments);
  bool needs_punkt = false;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> kKinds = {
      {"keywords:existence", keyword_existence},
      {"keywords:frequency", keyword_frequency},
      {"keywords:forbidden_words", forbidden_words},
      {"keywords:letter_frequency", letter_frequency},
      {"language:response_language", response_language},
      {"length_constraints:number_sentences", number_of_sentences, true},
      {"length_constraints:number_paragraphs", number_of_paragraphs},
      {"length_constraints:number_words", number_of_words},
      {"length_constraints:nth_paragraph_first_word", nth_paragraph_first_word},
      {"detectable_content:number_placeholders", number_of_placeholders},
      {"detectable_content:postscript", postscript},
      {"detectable_format:number_bullet_lists", number_of_bullets},
      {"detectable_format:constrained_response", constrained_response},
      {"detectable_format:number_highlighted_sections", number_of_highlights},
      {"detectable_format:multiple_sections", multiple_sections},
      {"detectable_format:json_format", json_format},
      {"detectable_format:title", has_title},
      {"combination:two_responses", two_responses},
      {"combination:repeat_prompt", repeat_prompt},
      {"startend:end_checker", end_phrase},
      {"startend:quotation", in_quotation_marks},
      {"change_case:capital_word_frequency", capital_word_frequency, true},
      {"change_case:english_capital", english_capital},
      {"change_case:english_lowercase", english_lowercase},
      {"punctuation:no_comma", no_comma},
  };
  return kKinds;
}

const Kind* find_kind(const std::string& id) {
  const auto found =
      std::find_if(kinds().begin(), kinds().end(), [&](const Kind& kind) { return kind.id == id; });
  return found == kinds().end() ? nullptr : &*found;
}

std::string without_asterisks(const std::string& text) {
  std::string out;
  std::copy_if(text.begin(), text.end(), std::back_inserter(out), [](char c) { return c != '*'; });
  return out;
}

// In the order of the harness: two whole ones, three cut ones, and these without asterisks.
std::vector<std::string> loose_variants(const std::string& answer) {
  const std::vector<std::string> lines = split(answer, '\n');
  const auto cut = [&](std::size_t front, std::size_t back) {
    if (lines.size() < front + back) { return std::string(); }
    const std::vector<std::string> kept(lines.begin() + static_cast<std::ptrdiff_t>(front),
                                        lines.end() - static_cast<std::ptrdiff_t>(back));
    const std::string text = join(kept, "\n");
    return std::string(text::python::strip(text));
  };
  std::vector<std::string> variants = {answer, without_asterisks(answer), cut(1, 0), cut(0, 1), cut(1, 1)};
  for (std::size_t i = 2; i < 5; ++i) { variants.push_back(without_asterisks(variants[i])); }
  return variants;
}

}  // namespace

Checker make_checker(const std::string& id, const Json& kwargs, const Punkt* punkt, const Where& where) {
  const Kind* kind = find_kind(id);
  if (kind == nullptr) {
    const std::string near = nearest_name(id, instruction_ids());
    throw InputError(cat(where.text(), ": field \"instruction_id_list\": '", id,
                         "' is not one of IFEval's 25 kinds",
                         near.empty() ? "" : cat("; did you mean ", near, "?")));
  }
  return kind->make(Arguments{kwargs, punkt, cat(where.text(), ": the instruction ", id)});
}

bool needs_punkt(const std::string& id) {
  const Kind* kind = find_kind(id);
  return kind != nullptr && kind->needs_punkt;
}

std::vector<std::string> instruction_ids() {
  std::vector<std::string> ids;
  for (const Kind& kind : kinds()) { ids.emplace_back(kind.id); }
  return ids;
}

Verdicts check_answer(const std::vector<Checker>& checkers, const std::string& answer) {
  const auto follows = [](const Checker& checker, const std::string& text) {
    return !text::python::is_blank(text) && checker(text);
  };
  const std::vector<std::string> variants = loose_variants(answer);
  Verdicts verdicts;
  for (const Checker& checker : checkers) {
    const bool strict = follows(checker, answer);
    verdicts.strict.push_back(strict);
    verdicts.loose.push_back(strict ||
                             std::any_of(variants.begin() + 1, variants.end(),
                                         [&](const std::string& text) { return follows(checker, text); }));
  }
  return verdicts;
}

}  // namespace una::eval::ifeval
