#include "una/reward/math_answer.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "una/base/ascii.h"
#include "una/base/format.h"
#include "una/reward/math/answer.h"

namespace una::reward {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Builds a new text: replacing in place would move the tail once per occurrence.
void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::size_t found = text.find(from), copied = 0;
  if (found == std::string::npos) { return; }
  std::string out;
  out.reserve(text.size());
  for (; found != std::string::npos; found = text.find(from, copied)) {
    out.append(text, copied, found - copied).append(to);
    copied = found + from.size();
  }
  out.append(text, copied);
  text = std::move(out);
}

// The index behind the brace that closes the one at `open`; npos: never closed.
std::size_t behind_braces(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '{') { ++depth; }
    if (text[i] == '}' && --depth == 0) { return i + 1; }
  }
  return std::string::npos;
}

// For every '{' the index of the '}' that closes it; npos elsewhere and where none does.
std::vector<std::size_t> closing_braces(std::string_view text) {
  std::vector<std::size_t> closes(text.size(), std::string::npos), open;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') { open.push_back(i); }
    if (text[i] == '}' && !open.empty()) {
      closes[open.back()] = i;
      open.pop_back();
    }
  }
  return closes;
}

// Takes `style` ("\text{") and the brace that closes it away, up to the first one that is never closed.
void unwrap(std::string& text, std::string_view style) {
  std::size_t found = text.find(style);
  if (found == std::string::npos) { return; }
  const std::vector<std::size_t> closes = closing_braces(text);
  std::vector<bool> gone(text.size(), false);
  for (; found != std::string::npos; found = text.find(style, found + style.size())) {
    const std::size_t close = closes[found + style.size() - 1];
    if (close == std::string::npos) { break; }
    std::fill_n(gone.begin() + static_cast<std::ptrdiff_t>(found), style.size(), true);
    gone[close] = true;
  }
  std::string kept;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!gone[i]) { kept += text[i]; }
  }
  text = std::move(kept);
}

// Without what LaTeX writes around a result: \left \right, \text{...}, spacing, dollar signs, a last full
// stop.
std::string plain_result(const std::string& result) {
  std::string text = result;
  for (const auto& [from, to] : {std::pair<const char*, const char*>{"\\left", ""},
                                 {"\\right", ""},
                                 {"\\dfrac", "\\frac"},
                                 {"\\tfrac", "\\frac"},
                                 {"\\cdot", "\\times"},
                                 {"\xC3\x97", "\\times"},  // multiplication sign
                                 {"\xE2\x88\x92", "-"},    // minus sign
                                 {"\\%", "%"},
                                 {"\\$", ""},
                                 {"$", ""},
                                 {"\\,", ""},
                                 {"\\!", ""},
                                 {"\\;", ""},
                                 {"\\:", ""},
                                 {"\\ ", ""},
                                 {"{,}", ","},
                                 {"^\\circ", ""},
                                 {"^{\\circ}", ""}}) {
    replace_all(text, from, to);
  }
  for (const char* style : {"\\text{", "\\mathrm{", "\\textbf{", "\\mathbf{"}) { unwrap(text, style); }
  std::erase_if(text, [](unsigned char c) { return std::isspace(c) != 0; });
  if (!text.empty() && text.back() == '.') { text.pop_back(); }
  return text;
}

// A number as it is written in an answer.
struct Number {
  double value = 0;
  bool percent = false;
};

constexpr int kFractionDepth = 32;  // \frac inside \frac; deeper is not read as a number

std::optional<Number> read_plain_number(std::string_view text, int depth);

// Reads a number by hand from the front of a plain result; what is left stays in `text`.
class NumberReader {
 public:
  NumberReader(std::string_view text, int depth) : text_(text), depth_(depth) {}

  bool at_end() const { return text_.empty(); }
  bool take(std::string_view word) {
    if (!starts_with(text_, word)) { return false; }
    text_.remove_prefix(word.size());
    return true;
  }

  // Digits with thousands commas, decimals, an exponent; no sign.
  std::optional<double> unsigned_decimal() {
    std::string digits = whole_digits();
    if (take(".")) {
      digits += '.';
      while (!text_.empty() && is_digit(text_[0])) { digits += pop(); }
    }
    if (digits.find_first_of("0123456789") == std::string::npos) { return std::nullopt; }
    return std::strtod(digits.c_str(), nullptr) * exponent();
  }

  // {12} or, in \frac12, one digit.
  std::optional<double> group() {
    if (!text_.empty() && is_digit(text_[0])) { return pop() - '0'; }
    const std::size_t end = starts_with(text_, "{") ? behind_braces(text_, 0) : std::string::npos;
    if (end == std::string::npos || depth_ == kFractionDepth) { return std::nullopt; }
    const std::optional<Number> number = read_plain_number(text_.substr(1, end - 2), depth_ + 1);
    text_.remove_prefix(end);
    return number ? std::optional(number->value) : std::nullopt;
  }

 private:
  char pop() {
    const char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }
  // "1,234": a comma counts where three digits follow.
  std::string whole_digits() {
    std::string digits;
    const auto group_follows = [&] {
      if (digits.empty() || text_.size() < 4 || text_[0] != ',') { return false; }
      for (std::size_t i = 1; i < 4; ++i) {
        if (!is_digit(text_[i])) { return false; }
      }
      return text_.size() == 4 || !is_digit(text_[4]);
    };
    while (!text_.empty() && (is_digit(text_[0]) || group_follows())) {
      const char c = pop();
      if (c != ',') { digits += c; }
    }
    return digits;
  }
  double exponent() {
    std::string_view rest = text_;
    bool braces = false;
    if (starts_with(rest, "\\times10^")) {
      rest.remove_prefix(9);
      braces = starts_with(rest, "{");
    } else if (rest.size() > 1 && (rest[0] == 'e' || rest[0] == 'E')) {
      rest.remove_prefix(1);
    } else {
      return 1;
    }
    const std::string word(rest.substr(braces ? 1 : 0));
    char* end = nullptr;
    const long power = std::strtol(word.c_str(), &end, 10);
    auto used = static_cast<std::size_t>(end - word.c_str());
    if (used == 0 || std::labs(power) > 300 || (braces && *end != '}')) { return 1; }
    if (braces) { used += 2; }
    text_ = rest.substr(used);
    return std::pow(10, static_cast<double>(power));
  }

  std::string_view text_;
  int depth_;
};

std::optional<double> quotient(std::optional<double> over, std::optional<double> under) {
  if (!over || !under || *under == 0) { return std::nullopt; }
  return *over / *under;
}

// A decimal, a fraction, or a whole number and a fraction; no sign.
std::optional<double> magnitude(NumberReader& in) {
  const auto latex_fraction = [&] {
    const std::optional<double> over = in.group();
    return quotient(over, in.group());
  };
  if (in.take("\\frac")) { return latex_fraction(); }
  const std::optional<double> first = in.unsigned_decimal();
  if (!first) { return std::nullopt; }
  if (in.take("/")) { return quotient(first, in.unsigned_decimal()); }
  if (!in.take("\\frac")) { return first; }
  const std::optional<double> part = latex_fraction();
  if (!part) { return std::nullopt; }
  return *first + *part;
}

std::optional<Number> read_plain_number(std::string_view text, int depth) {
  NumberReader in(text, depth);
  const bool negative = in.take("-");
  if (!negative) { in.take("+"); }
  std::optional<double> value = magnitude(in);
  if (!value) { return std::nullopt; }
  const bool percent = in.take("%");
  if (!in.at_end() || !std::isfinite(*value)) { return std::nullopt; }
  return Number{.value = negative ? -*value : *value, .percent = percent};
}

std::optional<Number> read_number(const std::string& written) {
  return read_plain_number(plain_result(written), 0);
}

bool close(double a, double b, double tolerance) {
  return std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b)) + 1e-12;
}

bool same_number(const Number& a, const Number& b, double tolerance) {
  if (close(a.value, b.value, tolerance)) { return true; }
  if (a.percent == b.percent) { return false; }
  const double hundredths_a = a.percent ? a.value / 100 : a.value;
  const double hundredths_b = b.percent ? b.value / 100 : b.value;
  return close(hundredths_a, hundredths_b, tolerance);
}

// Grows a number to the left of `begin` by a sign and a dollar: "-$3", "$-3".
std::size_t with_sign(const std::string& text, std::size_t begin) {
  std::size_t at = begin;
  if (at > 0 && text[at - 1] == '.') {
    --at;  // ".5"
  }
  if (at > 0 && text[at - 1] == '$') { --at; }
  const bool minus = at > 0 && text[at - 1] == '-';
  // In "3-4" and "x-4" the dash is not a sign.
  if (minus &&
      (at == 1 || (std::isalnum(static_cast<unsigned char>(text[at - 2])) == 0 && text[at - 2] != ')'))) {
    --at;
  }
  return at;
}

// Where the digits, and commas, dots and slashes between digits, that end at `end` begin. A number has two dots, a slash
// and, as it is finite, some hundred thousands commas in each part; more separators need not be tried.
std::size_t run_of_numbers(const std::string& text, std::size_t end) {
  constexpr int kSeparators = 256;
  std::size_t begin = end;
  for (int separators = 0; begin > 0; --begin) {
    const char c = text[begin - 1];
    if (is_digit(c)) { continue; }
    const bool separator = c == ',' || c == '.' || c == '/';
    if (!separator || begin < 2 || !is_digit(text[begin - 2]) || ++separators > kSeparators) { break; }
  }
  return begin;
}

// "\frac{3}{4}" where that ends in the digit before `end`; else "".
std::string last_fraction(const std::string& text, std::size_t end) {
  const std::size_t word = text.rfind("frac{"), start = text.rfind('\\', word);
  if (word == std::string::npos || start == std::string::npos || word - start > 2) { return ""; }
  const std::size_t second = behind_braces(text, word + 4);
  if (second >= text.size() || text[second] != '{') { return ""; }
  const std::size_t close_brace = behind_braces(text, second);
  if (close_brace == std::string::npos || close_brace < end) { return ""; }
  const std::size_t begin = with_sign(text, start);
  return text.substr(begin, close_brace - begin);
}

}  // namespace

std::string marked_result(const std::string& text) {
  const std::size_t boxed = std::max(text.rfind("\\boxed{") + 1, text.rfind("\\fbox{") + 1);  // npos + 1 is 0
  if (boxed > 0) {
    const std::size_t open = text.find('{', boxed), end = behind_braces(text, open);
    if (end != std::string::npos) { return std::string(trim(text.substr(open + 1, end - open - 2))); }
  }
  const std::size_t mark = text.rfind("####");
  if (mark == std::string::npos) { return ""; }
  return std::string(trim(text.substr(mark + 4, text.find('\n', mark) - mark - 4)));
}

std::string last_number(const std::string& text) {
  std::size_t end = text.find_last_of("0123456789");
  if (end == std::string::npos) { return ""; }
  ++end;
  if (std::string fraction = last_fraction(text, end); !fraction.empty()) { return fraction; }
  std::size_t begin = run_of_numbers(text, end);
  // "(3,4)" ends in 4, "1.2.3" in 2.3.
  const std::string_view run = std::string_view(text).substr(0, end);
  while (!read_plain_number(run.substr(begin), 0)) {
    const std::size_t cut = run.find_first_of(",./", begin);
    if (cut == std::string_view::npos) { break; }
    begin = cut + 1;
  }
  if (end < text.size() && text[end] == '%') { ++end; }
  if (text.compare(end, 2, "\\%") == 0) { end += 2; }
  begin = with_sign(text, begin);
  return text.substr(begin, end - begin);
}

std::optional<double> number_value(const std::string& text) {
  const std::optional<Number> number = read_number(text);
  return number ? std::optional(number->value) : std::nullopt;
}

bool same_result(const std::string& answer, const std::string& truth, double tolerance) {
  const std::string marked_truth = marked_result(truth), marked = marked_result(answer);
  const std::string wanted = marked_truth.empty() ? truth : marked_truth;
  if (const std::optional<Number> right = read_number(wanted)) {
    const std::optional<Number> whole = read_number(answer);
    const std::optional<Number> left =
        whole ? whole : read_number(marked.empty() ? last_number(answer) : marked);
    return left && same_number(*left, *right, tolerance);
  }
  return math::same_answer(wanted, marked.empty() ? answer : marked);
}

std::string loose_text(const std::string& text) {
  std::string letters;
  for (const char c : text) {
    if (std::ispunct(static_cast<unsigned char>(c)) != 0) { continue; }
    letters += std::isspace(static_cast<unsigned char>(c)) != 0 ? ' ' : lower_ascii(c);
  }
  std::vector<std::string> words;
  for (std::string& word : split(letters, ' ')) {
    if (!word.empty() && word != "a" && word != "an" && word != "the") { words.push_back(std::move(word)); }
  }
  return join(words, " ");
}

}  // namespace una::reward
