#include "una/eval/ifeval/word_tokens.h"

#include "una/base/format.h"
#include "una/text/python/regex.h"
#include "una/text/python/strings.h"

namespace una::eval::ifeval {
namespace {

using text::python::Regex;

struct Rule {
  Regex pattern;
  const char* replacement;
};

Rule rule(const char* pattern, const char* replacement) { return {Regex(pattern), replacement}; }

// NLTKWordTokenizer's rules (nltk/tokenize/destructive.py) in its order, up to where it puts a space at both ends.
std::vector<Rule> make_first_rules() {
  std::vector<Rule> rules;
  const auto add = [&](const char* pattern, const char* replacement) {
    rules.push_back(rule(pattern, replacement));
  };
  add("([«“‘„]|[`]+)", " \\1 ");  // starting quotes
  add(R"(^\")", "``");
  add("(``)", " \\1 ");
  add(R"(([ \(\[{<])(\"|\'{2}))", "\\1 `` ");
  add(R"((?i)(?<!\w)(\')(?!(?:re|ve|ll|m|t|s|d|n)\b)(?=\w))", "\\1 ");
  add(R"(([^\.])(\.)([\]\)}>"\'»”’ ]*+)\s*$)", "\\1 \\2 \\3 ");  // punctuation
  add(R"(([:,])([^\d]))", " \\1 \\2");
  add("([:,])$", " \\1 ");
  add(R"(\.{2,})", " \\0 ");
  add("[;@#$%&]", " \\0 ");
  add(R"([\u2012-\u2015])", " \\0 ");
  add(R"(([^\.])(\.)([\]\)}>"\']*)\s*$)", "\\1 \\2\\3 ");
  add("[?!]", " \\0 ");
  add("([^'])' ", "\\1 ' ");
  add("[*]", " \\0 ");
  add(R"([\]\[\(\)\{\}\<\>])", " \\0 ");  // brackets and dashes
  add("--", " -- ");
  return rules;
}

std::vector<Rule> make_last_rules() {
  std::vector<Rule> rules;
  const auto add = [&](const char* pattern, const char* replacement) {
    rules.push_back(rule(pattern, replacement));
  };
  add("([»”’])", " \\1 ");  // ending quotes
  add("''", " '' ");
  add("\"", " '' ");
  add(R"(\s+)", " ");
  add("([^' ])('[sS]|'[mM]|'[dD]|') ", "\\1 \\2 ");
  add("([^' ])('ll|'LL|'re|'RE|'ve|'VE|n't|N'T) ", "\\1 \\2 ");
  for (const char* contraction :
       {R"((?i)\b(can)(not)\b)", R"((?i)\b(d)('ye)\b)", R"((?i)\b(gim)(me)\b)", R"((?i)\b(gon)(na)\b)",
        R"((?i)\b(got)(ta)\b)", R"((?i)\b(lem)(me)\b)", R"((?i)\b(more)('n)\b)", R"((?i)\b(wan)(na)(?=\s))",
        R"((?i) ('t)(is)\b)", R"((?i) ('t)(was)\b)"}) {
    add(contraction, " \\1 \\2 ");
  }
  return rules;
}

std::string apply(const std::vector<Rule>& rules, std::string text) {
  for (const Rule& each : rules) { text = each.pattern.replace(text, each.replacement); }
  return text;
}

}  // namespace

std::vector<std::string> word_tokens(const Punkt& punkt, std::string_view text) {
  static const std::vector<Rule> kFirst = make_first_rules(), kLast = make_last_rules();
  std::vector<std::string> words;
  for (const std::string_view sentence : punkt.sentences(text)) {
    const std::string apart = apply(kLast, cat(" ", apply(kFirst, std::string(sentence)), " "));
    for (const std::string_view word : text::python::split_words(apart)) { words.emplace_back(word); }
  }
  return words;
}

}  // namespace una::eval::ifeval
