#include <algorithm>
#include <memory>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/eval/ifeval/checkers.h"
#include "una/eval/ifeval/word_tokens.h"
#include "una/text/python/regex.h"
#include "una/text/python/strings.h"

namespace una::eval::ifeval {
namespace {

namespace python = text::python;
using python::Regex;

// Checkers are copied; what they look for is compiled once.
std::shared_ptr<const Regex> regex(const std::string& pattern, int flags = Regex::kNone) {
  return std::make_shared<const Regex>(pattern, flags);
}

// A pattern of the row's own.
std::shared_ptr<const Regex> users_regex(const std::string& pattern, const std::string& what) {
  try {
    return regex(pattern, Regex::kIgnoreCase);
  } catch (const InputError& error) { throw InputError(cat(what, ": ", error.what())); }
}

std::int64_t count_of(const Regex& pattern, const std::string& text) {
  return std::ssize(pattern.find_all(text));
}

// What langdetect cannot judge counts as followed.
bool is_in(const std::string& language, const std::string& text) {
  const std::string found = python::language(text);
  return found.empty() || found == language;
}

// Without punkt's parameters: runs of ".", "?" and "!" end sentences.
std::int64_t plain_sentences(const std::string& text) {
  static const Regex kSentence(R"([^.?!]*\w[^.?!]*)");
  return count_of(kSentence, text);
}

std::int64_t capital_words(const Punkt* punkt, const std::string& text) {
  const auto count = [](const auto& words) {
    return std::count_if(words.begin(), words.end(), [](const auto& word) { return python::is_upper(word); });
  };
  return punkt != nullptr ? count(word_tokens(*punkt, text)) : count(python::split_words(text));
}

}  // namespace

// Keywords are regular expressions and match inside words: "art" is in "party".
Checker keyword_existence(const Arguments& arguments) {
  std::vector<std::shared_ptr<const Regex>> keywords;
  for (const std::string& word : arguments.texts("keywords")) {
    keywords.push_back(users_regex(word, arguments.what));
  }
  return [keywords](const std::string& text) {
    return std::all_of(keywords.begin(), keywords.end(),
                       [&](const auto& word) { return word->found_in(text); });
  };
}

Checker keyword_frequency(const Arguments& arguments) {
  const std::string keyword = arguments.text("keyword");
  return [pattern = users_regex(std::string(python::strip(keyword)), arguments.what),
          frequency = arguments.number("frequency"), relation = arguments.relation("relation")](
             const std::string& text) { return holds(relation, count_of(*pattern, text), frequency); };
}

Checker forbidden_words(const Arguments& arguments) {
  std::vector<std::shared_ptr<const Regex>> words;
  for (const std::string& word : arguments.texts("forbidden_words")) {
    words.push_back(users_regex(cat("\\b", word, "\\b"), arguments.what));
  }
  return [words](const std::string& text) {
    return std::none_of(words.begin(), words.end(), [&](const auto& word) { return word->found_in(text); });
  };
}

// The harness draws a letter at random where the row has another character ("#", "!"); here that character counts.
Checker letter_frequency(const Arguments& arguments) {
  return [letter = python::lower(python::strip(arguments.text("letter"))),
          frequency = arguments.number("let_frequency"),
          relation = arguments.relation("let_relation")](const std::string& text) {
    const std::string lower = python::lower(text);
    std::int64_t count = 0;
    for (std::size_t at = lower.find(letter); at != std::string::npos;
         at = lower.find(letter, at + letter.size())) {
      ++count;
    }
    return holds(relation, count, frequency);
  };
}

Checker response_language(const Arguments& arguments) {
  return [language = arguments.text("language")](const std::string& text) { return is_in(language, text); };
}

Checker number_of_words(const Arguments& arguments) {
  return [pattern = regex(R"(\w+)"), words = arguments.number("num_words"),
          relation = arguments.relation("relation")](const std::string& text) {
    return holds(relation, count_of(*pattern, text), words);
  };
}

Checker number_of_sentences(const Arguments& arguments) {
  return [punkt = arguments.punkt, sentences = arguments.number("num_sentences"),
          relation = arguments.relation("relation")](const std::string& text) {
    const std::int64_t count = punkt != nullptr ? std::ssize(punkt->sentences(text)) : plain_sentences(text);
    return holds(relation, count, sentences);
  };
}

Checker capital_word_frequency(const Arguments& arguments) {
  return [punkt = arguments.punkt, frequency = arguments.number("capital_frequency"),
          relation = arguments.relation("capital_relation")](const std::string& text) {
    return holds(relation, capital_words(punkt, text), frequency);
  };
}

// A text of capitals in which langdetect finds no language follows; one in small letters does not, as Python's `and`
// looks at the letter case first.
Checker english_capital(const Arguments&) {
  return [](const std::string& text) { return python::is_upper(text) && is_in("en", text); };
}

Checker english_lowercase(const Arguments&) {
  return [](const std::string& text) { return python::is_lower(text) && is_in("en", text); };
}

Checker no_comma(const Arguments&) {
  return [](const std::string& text) { return text.find(',') == std::string::npos; };
}

}  // namespace una::eval::ifeval
