#include "una/reward/math/latex.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <span>
#include <utility>

#include "una/base/ascii.h"
#include "una/base/format.h"

namespace una::reward::math {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

using Replacement = std::pair<std::string_view, std::string_view>;

// In one pass from left to right; the first entry that fits at a place is taken. A command ("\left") is only found
// where no letter follows.
std::string replaced(std::string_view text, std::span<const Replacement> table) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto fits = [&](const Replacement& entry) {
      const std::string_view from = entry.first;
      if (text.substr(at, from.size()) != from) { return false; }
      const bool command = from.size() > 1 && from[0] == '\\' && is_letter(from.back());
      return !command || at + from.size() >= text.size() || !is_letter(text[at + from.size()]);
    };
    const auto found = std::find_if(table.begin(), table.end(), fits);
    if (found == table.end()) {
      out += text[at++];
      continue;
    }
    out.append(found->second);
    at += found->first.size();
  }
  return out;
}

// Sizes, spacing, other names of the same sign, and signs of Unicode.
// clang-format off
constexpr Replacement kSpacing[] = {
    {"\\\\", "\x01"}, {"\\left", ""}, {"\\right", ""}, {"\\bigl", ""}, {"\\bigr", ""}, {"\\Bigl", ""},
    {"\\Bigr", ""}, {"\\big", ""}, {"\\Big", ""}, {"\\displaystyle", ""}, {"\\!", ""}, {"\\,", ""},
    {"\\;", ""}, {"\\:", ""}, {"\\ ", " "}, {"\\quad", " "}, {"\\qquad", " "}, {"\\$", ""}, {"$", ""},
    {"~", " "}, {"\\dfrac", "\\frac"}, {"\\tfrac", "\\frac"}, {"\\cfrac", "\\frac"}, {"\\%", "%"},
    {"^{\\circ}", ""}, {"^\\circ", ""}, {"{}^{\\circ}", ""}, {"\\degree", ""}, {"\\leq", "\\le"},
    {"\\geq", "\\ge"}, {"\\leqslant", "\\le"}, {"\\geqslant", "\\ge"}, {"\\neq", "\\ne"},
    {"\\lbrace", "\\{"}, {"\\rbrace", "\\}"}, {"\\langle", "("}, {"\\rangle", ")"}, {"\\limits", ""},
    {"\\nolimits", ""}, {"\\colon", ":"}, {"\\ldots", "\\dots"}, {"\\cdots", "\\dots"}, {"\\lor", ","},
    {"\\vee", ","}, {"\\land", ","}, {"\\wedge", ","}, {"\xE2\x88\x92", "-"}, {"\xC3\x97", "\\times "},
    {"\xC3\xB7", "\\div "}, {"\xCF\x80", "\\pi "}, {"\xE2\x88\x9E", "\\infty "}, {"\xC2\xB0", ""},
    {"\xE2\x89\xA4", "\\le "}, {"\xE2\x89\xA5", "\\ge "}, {"\xE2\x88\x9A", "\\sqrt"},
    {"\xC2\xB7", "\\cdot "}, {"\xE2\x88\xAA", "\\cup "}, {"**", "^"}, {"\n", " "}, {"\t", " "},
    {"\xE2\x88\x88", "\\in "}, {"\\hfill", ""}, {"\\thinspace", ""}, {"\\space", " "},
    {"\\text ", "\\text"}};
// clang-format on

constexpr std::array kWrappers = {"\\text{",   "\\textbf{", "\\textit{", "\\textrm{", "\\mbox{",
                                  "\\mathrm{", "\\mathbf{", "\\mathit{", "\\mathsf{", "\\operatorname{",
                                  "\\boxed{",  "\\fbox{",   "\\hbox{",   "\\bold{"};

// The wrapper that begins at `at`; empty: none.
std::string_view wrapper_at(std::string_view text, std::size_t at) {
  if (text[at] != '\\') { return {}; }
  for (const std::string_view wrapper : kWrappers) {
    if (text.substr(at, wrapper.size()) == wrapper) { return wrapper; }
  }
  return {};
}

std::string squeezed(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) { out += c; }
  }
  return out;
}

// What a wrapped text means in a formula: a list's "and", a letter, the name of a function; a unit means nothing.
std::string meaning(std::string_view wrapper, std::string_view inner) {
  const std::string word = squeezed(inner);
  if (wrapper == "\\boxed{" || wrapper == "\\fbox{") { return std::string(inner); }
  if (word == "and" || word == "or" || word == ",and" || word == ",or") { return ","; }
  if (word.size() == 1 || (word.size() == 3 && word[0] == '(' && word[2] == ')')) { return word; }
  for (const char* function :
       {"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "ln", "log"}) {
    if (word == function) { return cat("\\", word, " "); }
  }
  const bool formula = std::any_of(word.begin(), word.end(), [](char c) { return is_digit(c) || c == '\\'; });
  return formula ? std::string(inner) : "";
}

// Wrappers inside wrappers are read up to this depth; deeper ones stay as they are.
constexpr int kWrappersDeep = 4;

std::string unwrapped(std::string_view text, int depth = 0) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view wrapper = wrapper_at(text, at);
    const std::size_t end =
        wrapper.empty() ? std::string::npos : behind_braces(text, at + wrapper.size() - 1);
    if (end == std::string::npos) {
      out += text[at++];
      continue;
    }
    const std::string_view inner = text.substr(at + wrapper.size(), end - 1 - at - wrapper.size());
    const std::string kept =
        meaning(wrapper, depth < kWrappersDeep ? unwrapped(inner, depth + 1) : std::string(inner));
    out += kept;
    at = end;
    // cm^2: the exponent belongs to the unit.
    if (kept.empty() && at < text.size() && text[at] == '^') {
      const bool braced =
          at + 3 < text.size() && text[at + 1] == '{' && is_digit(text[at + 2]) && text[at + 3] == '}';
      if (braced) {
        at += 4;
      } else if (at + 1 < text.size() && is_digit(text[at + 1])) {
        at += 2;
      }
    }
  }
  return out;
}

// 1,234,567 and 1{,}234: a comma before exactly three digits.
std::string without_thousands(std::string_view text) {
  const auto three_digits = [&](std::size_t at) {
    for (std::size_t i = at; i < at + 3; ++i) {
      if (i >= text.size() || !is_digit(text[i])) { return false; }
    }
    return at + 3 >= text.size() || !is_digit(text[at + 3]);
  };
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const bool behind_digit = at > 0 && is_digit(text[at - 1]);
    if (behind_digit && text[at] == ',' && three_digits(at + 1)) {
      ++at;
    } else if (behind_digit && text.substr(at, 3) == "{,}" && three_digits(at + 3)) {
      at += 3;
    } else {
      out += text[at++];
    }
  }
  return out;
}

// 0.1\overline{6} as a fraction: (16 - 1) / 90.
std::string without_repeating(const std::string& text) {
  static constexpr std::string_view kBar = "\\overline{";
  const std::size_t bar = text.find(kBar);
  if (bar == std::string::npos) { return text; }
  const std::size_t end = behind_braces(text, bar + kBar.size() - 1);
  std::size_t begin = bar;
  while (begin > 0 && (is_digit(text[begin - 1]) || text[begin - 1] == '.')) { --begin; }
  const std::string head = text.substr(begin, bar - begin);
  const std::size_t point = head.find('.');
  if (end == std::string::npos || point == std::string::npos) { return text; }
  const std::string digits = text.substr(bar + kBar.size(), end - 1 - bar - kBar.size());
  if (digits.empty() || digits.size() > 30 || !std::all_of(digits.begin(), digits.end(), is_digit)) {
    return text;
  }
  std::string whole = head;
  whole.erase(point, 1);
  const std::string nines(digits.size(), '9'), zeros(head.size() - point - 1, '0');
  return cat(text.substr(0, begin), "\\frac{", whole, digits, "-", whole.empty() ? "0" : whole, "}{", nines,
             zeros, "}", text.substr(end));
}

// "12 inches": words behind a number that name a unit.
std::string without_unit_words(const std::string& text) {
  static const std::set<std::string> kUnits = {
      "cm",      "mm",     "km",      "m",        "inch",   "inches",  "feet",     "foot",    "ft",
      "yards",   "miles",  "mile",    "meters",   "meter",  "units",   "unit",     "square",  "cubic",
      "degrees", "degree", "dollars", "dollar",   "cents",  "hours",   "hour",     "minutes", "seconds",
      "days",    "years",  "mph",     "pounds",   "grams",  "kg",      "percent",  "points",  "liters",
      "sq",      "per",    "people",  "students", "ways",   "numbers", "integers", "values",  "solutions",
      "cm^2",    "cm^3",   "m^2",     "in",       "ounces", "gallons"};
  std::vector<std::string> words;
  for (std::string& word : split(text, ' ')) {
    if (!word.empty()) { words.push_back(std::move(word)); }
  }
  std::size_t kept = words.size();
  while (kept > 1 && kUnits.count(words[kept - 1]) > 0) { --kept; }
  if (kept == words.size() || words[kept - 1].find_first_of("0123456789}") == std::string::npos) {
    return text;
  }
  const bool percent = words.back() == "percent";
  words.resize(kept);
  return join(words, " ") + (percent ? "%" : "");
}

std::string without_last_mark(std::string text) {
  while (!text.empty()) {
    const char c = text.back();
    if (std::isspace(static_cast<unsigned char>(c)) == 0 && c != '.' && c != ',' && c != ';') { break; }
    text.pop_back();
  }
  return text;
}

}  // namespace

std::size_t behind_braces(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;  // \{ opens nothing
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return std::string::npos;
}

std::string clean_answer(const std::string& answer) {
  std::string text = without_thousands(replaced(answer, kSpacing));
  const std::string plain = unwrapped(text);
  if (!trim(plain).empty()) { text = plain; }
  text = without_repeating(without_last_mark(std::string(trim(text))));
  return std::string(trim(without_unit_words(text)));
}

std::string text_key(const std::string& answer) {
  std::string out;
  const std::string text = replaced(answer, kSpacing);
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view wrapper = wrapper_at(text, at);
    if (!wrapper.empty()) {
      at += wrapper.size();
      continue;
    }
    const char c = text[at++];
    if (std::isspace(static_cast<unsigned char>(c)) != 0 || c == '{' || c == '}') { continue; }
    out += lower_ascii(c);
  }
  return without_last_mark(out);
}

std::vector<std::string> split_outside(std::string_view text, std::string_view separator) {
  std::vector<std::string> out(1);
  int depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    if (depth == 0 && text.substr(at, separator.size()) == separator) {
      out.emplace_back();
      at += separator.size();
      continue;
    }
    const bool escaped = text[at] == '\\' && at + 1 < text.size();
    const char c = escaped ? text[at + 1] : text[at];
    if (c == '{' || (!escaped && (c == '(' || c == '['))) { ++depth; }
    if (c == '}' || (!escaped && (c == ')' || c == ']'))) { --depth; }
    out.back() += text.substr(at, escaped ? 2 : 1);
    at += escaped ? 2 : 1;
  }
  return out;
}

bool is_balanced(std::string_view text) {
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
    if (depth < 0) { return false; }
  }
  return depth == 0;
}

}  // namespace una::reward::math
