#include <algorithm>
#include <memory>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/eval/ifeval/checkers.h"
#include "una/eval/ifeval/python_json.h"
#include "una/text/python/regex.h"
#include "una/text/python/strings.h"

namespace una::eval::ifeval {
namespace {

namespace python = text::python;
using python::Regex;

std::shared_ptr<const Regex> regex(const std::string& pattern, int flags = Regex::kNone) {
  return std::make_shared<const Regex>(pattern, flags);
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  for (std::size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    pieces.push_back(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  pieces.push_back(text);
  return pieces;
}

// str.strip(chars) for one character.
std::string_view strip_character(std::string_view text, char c) {
  while (text.starts_with(c)) { text.remove_prefix(1); }
  while (text.ends_with(c)) { text.remove_suffix(1); }
  return text;
}

std::string_view without(std::string_view text, std::string_view prefix, std::string_view suffix) {
  if (text.starts_with(prefix)) { text.remove_prefix(prefix.size()); }
  if (text.ends_with(suffix)) { text.remove_suffix(suffix.size()); }
  return text;
}

// The pieces that are not blank; nullopt where one between others is blank.
std::optional<std::vector<std::string_view>> inner_pieces(const std::vector<std::string_view>& pieces) {
  std::vector<std::string_view> kept;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (!python::is_blank(pieces[i])) {
      kept.push_back(pieces[i]);
    } else if (i != 0 && i != pieces.size() - 1) {
      return std::nullopt;
    }
  }
  return kept;
}

// Up to its first mark, behind leading quotes.
std::string first_word_of(std::string_view paragraph) {
  std::string_view word = python::split_words(paragraph).front();
  while (word.starts_with('\'')) { word.remove_prefix(1); }
  while (word.starts_with('"')) { word.remove_prefix(1); }
  return python::lower(word.substr(0, word.find_first_of(".,?!'\"")));
}

bool says_nothing_between(std::string_view title) {
  while (title.starts_with('<')) { title.remove_prefix(1); }
  while (title.ends_with('>')) { title.remove_suffix(1); }
  return python::is_blank(title);
}

}  // namespace

Checker number_of_paragraphs(const Arguments& arguments) {
  return [divider = regex(R"(\s?\*\*\*\s?)"),
          paragraphs = arguments.number("num_paragraphs")](const std::string& text) {
    const auto pieces = inner_pieces(divider->split(text));
    return pieces && std::ssize(*pieces) == paragraphs;
  };
}

// Counts the paragraphs that are not blank, but finds the nth among all of them.
Checker nth_paragraph_first_word(const Arguments& arguments) {
  const std::int64_t paragraphs = arguments.number("num_paragraphs"), nth = arguments.number("nth_paragraph");
  check_input(nth <= paragraphs, arguments.what, ": \"nth_paragraph\" is ", nth, " of ", paragraphs,
              "; the harness would draw one at random for each answer");
  return [paragraphs, nth, first = python::lower(arguments.text("first_word"))](const std::string& text) {
    const std::vector<std::string_view> pieces = split_at(text, "\n\n");
    const auto count =
        std::count_if(pieces.begin(), pieces.end(), [](auto piece) { return !python::is_blank(piece); });
    if (nth > count) { return false; }
    const std::string_view paragraph = pieces[static_cast<std::size_t>(nth - 1)];
    return !python::is_blank(paragraph) && count == paragraphs && first_word_of(paragraph) == first;
  };
}

Checker number_of_placeholders(const Arguments& arguments) {
  return [pattern = regex(R"(\[.*?\])"), least = arguments.number("num_placeholders")](
             const std::string& text) { return std::ssize(pattern->find_all(text)) >= least; };
}

Checker postscript(const Arguments& arguments) {
  const std::string given = arguments.text("postscript_marker"), marker(python::strip(given));
  std::string pattern = cat(R"(\s*)", python::lower(marker), ".*$");
  if (marker == "P.P.S") { pattern = R"(\s*p\.\s?p\.\s?s.*$)"; }
  if (marker == "P.S.") { pattern = R"(\s*p\.\s?s\..*$)"; }
  return [compiled = regex(pattern, Regex::kMultiline)](const std::string& text) {
    return compiled->found_in(python::lower(text));
  };
}

Checker number_of_bullets(const Arguments& arguments) {
  return [stars = regex(R"(^\s*\*[^\*].*$)", Regex::kMultiline),
          dashes = regex(R"(^\s*-.*$)", Regex::kMultiline),
          bullets = arguments.number("num_bullets")](const std::string& text) {
    return std::ssize(stars->find_all(text)) + std::ssize(dashes->find_all(text)) == bullets;
  };
}

Checker constrained_response(const Arguments&) {
  return [](const std::string& text) {
    const auto has = [&](const char* word) {
      return text.find(cat("My answer is ", word)) != std::string::npos;
    };
    return has("yes.") || has("no.") || has("maybe.");
  };
}

Checker number_of_highlights(const Arguments& arguments) {
  return [single = regex(R"(\*[^\n\*]*\*)"), twice = regex(R"(\*\*[^\n\*]*\*\*)"),
          least = arguments.number("num_highlights")](const std::string& text) {
    std::int64_t count = 0;
    for (const Regex::Match& match : single->find_all(text)) {
      count += python::is_blank(strip_character(match.text(), '*')) ? 0 : 1;
    }
    for (const Regex::Match& match : twice->find_all(text)) {
      count += python::is_blank(without(match.text(), "**", "**")) ? 0 : 1;
    }
    return count >= least;
  };
}

Checker multiple_sections(const Arguments& arguments) {
  const std::string given = arguments.text("section_spliter");
  return [pattern = regex(cat(R"(\s?)", python::strip(given), R"(\s?\d+\s?)")),
          least = arguments.number("num_sections")](const std::string& text) {
    return std::ssize(pattern->find_all(text)) >= least;
  };
}

Checker json_format(const Arguments&) {
  return [](const std::string& text) {
    std::string_view value = python::strip(text);
    for (const std::string_view fence : {"```json", "```Json", "```JSON", "```"}) {
      value = without(value, fence, "");
    }
    return python_loads(python::strip(without(value, "", "```")));
  };
}

Checker has_title(const Arguments&) {
  return [pattern = regex(R"(<<[^\n]+>>)")](const std::string& text) {
    const std::vector<Regex::Match> titles = pattern->find_all(text);
    return !std::all_of(titles.begin(), titles.end(),
                        [](const Regex::Match& match) { return says_nothing_between(match.text()); });
  };
}

Checker two_responses(const Arguments&) {
  return [](const std::string& text) {
    const auto answers = inner_pieces(split_at(text, "******"));
    return answers && answers->size() == 2 && python::strip((*answers)[0]) != python::strip((*answers)[1]);
  };
}

Checker repeat_prompt(const Arguments& arguments) {
  const std::string prompt = arguments.text("prompt_to_repeat");
  return [start = python::lower(python::strip(prompt))](const std::string& text) {
    return python::lower(python::strip(text)).starts_with(start);
  };
}

Checker end_phrase(const Arguments& arguments) {
  const std::string phrase = arguments.text("end_phrase");
  return [end = python::lower(python::strip(phrase))](const std::string& text) {
    return python::lower(strip_character(python::strip(text), '"')).ends_with(end);
  };
}

Checker in_quotation_marks(const Arguments&) {
  return [](const std::string& text) {
    const std::string_view whole = python::strip(text);
    return whole.size() > 1 && whole.starts_with('"') && whole.ends_with('"');
  };
}

}  // namespace una::eval::ifeval
