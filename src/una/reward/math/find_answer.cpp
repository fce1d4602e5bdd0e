#include "una/reward/math/find_answer.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <string_view>
#include <vector>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/reward/math/answer.h"
#include "una/reward/math/latex.h"
#include "una/text/python/regex.h"

namespace una::reward::math {
namespace {

using text::python::Regex;

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

struct Found {
  std::size_t begin = 0, end = 0;
  std::string formula;
};

std::size_t behind_spaces(std::string_view text, std::size_t at) {
  while (at < text.size() && is_space(text[at])) { ++at; }
  return at;
}

bool escaped(std::string_view text, std::size_t at) { return at > 0 && text[at - 1] == '\\'; }

// ---- LaTeX environments ----

// Where `close` comes next behind `from`, not behind a backslash; on the same line where `one_line`.
std::size_t find_close(std::string_view text, std::size_t from, std::string_view close, bool one_line) {
  for (std::size_t at = from + 1; at < text.size(); ++at) {
    if (one_line && text[at - 1] == '\n') { return std::string_view::npos; }
    if (text.substr(at, close.size()) == close && !escaped(text, at)) { return at; }
  }
  return std::string_view::npos;
}

std::optional<Found> between(std::string_view text, std::size_t begin, std::string_view open,
                             std::string_view close, bool one_line) {
  if (text.substr(begin, open.size()) != open || escaped(text, begin)) { return std::nullopt; }
  const std::size_t inner = begin + open.size(), end = find_close(text, inner, close, one_line);
  if (end == std::string_view::npos) { return std::nullopt; }
  return Found{begin, end + close.size(), std::string(text.substr(inner, end - inner))};
}

// " [ ... ] " in running text.
std::optional<Found> in_brackets(std::string_view text, std::size_t begin) {
  if (!is_space(text[begin]) || begin + 1 >= text.size() || text[begin + 1] != '[') { return std::nullopt; }
  const std::size_t end = text.find_first_of("][\n", begin + 2);
  if (end == std::string_view::npos || text[end] != ']' || end == begin + 2) { return std::nullopt; }
  if (end + 1 >= text.size() || !is_space(text[end + 1])) { return std::nullopt; }
  return Found{begin, end + 2, std::string(text.substr(begin + 2, end - begin - 2))};
}

// \frac{1}{2} of plain numbers, outside of any environment.
std::optional<Found> bare_fraction(std::string_view text, std::size_t begin) {
  std::size_t at = begin + (text[begin] == '-' ? 1 : 0);
  if (text.substr(at, 6) != "\\frac{") { return std::nullopt; }
  at += 5;
  for (int part = 0; part < 2; ++part) {
    if (at >= text.size() || text[at] != '{') { return std::nullopt; }
    const std::size_t close = text.find('}', at);
    if (close == std::string_view::npos || close == at + 1) { return std::nullopt; }
    const std::string_view inner = text.substr(at + 1, close - at - 1);
    if (inner.find_first_not_of("0123456789.,-") != std::string_view::npos || !is_digit(inner.back())) {
      return std::nullopt;
    }
    at = close + 1;
  }
  return Found{begin, at, std::string(text.substr(begin, at - begin))};
}

std::optional<Found> environment_at(std::string_view text, std::size_t at) {
  std::optional<Found> found;
  switch (text[at]) {
    case '$':
      found = between(text, at, "$$", "$$", false);
      if (!found && (at == 0 || !is_digit(text[at - 1]))) {
        found = between(text, at, "$", "$", true);
        if (found && found->formula.find('$') != std::string::npos &&
            found->formula.find("\\$") == std::string::npos) {
          found.reset();
        }
      }
      break;
    case '\\':
      found = between(text, at, "\\[", "\\]", false);
      if (!found) { found = between(text, at, "\\(", "\\)", true); }
      if (!found) { found = bare_fraction(text, at); }
      break;
    case '-':
      found = bare_fraction(text, at);
      break;
    default:
      found = in_brackets(text, at);
  }
  if (!found) { return std::nullopt; }
  const std::size_t behind = behind_spaces(text, found->end);
  for (const char* percent : {"\\%", "%", "percentage", "percent", "Percent", "pct"}) {
    const std::string_view word = percent;
    if (text.substr(behind, word.size()) == word) {
      found->formula += "\\%";
      found->end = behind + word.size();
      break;
    }
  }
  return found;
}

// "and", "or" or a comma between two environments.
std::optional<std::size_t> behind_connective(std::string_view text, std::size_t at) {
  at = behind_spaces(text, at);
  for (const char* word : {",and", "and", ",or", "or", ","}) {
    const std::string_view found = word;
    if (text.substr(at, found.size()) == found) { return behind_spaces(text, at + found.size()); }
  }
  return std::nullopt;
}

// What is inside of the last \boxed{...} of a formula; the formula itself where there is none.
std::string inside_box(const std::string& formula) {
  const std::size_t box = formula.rfind("\\boxed{");
  if (box == std::string::npos) { return formula; }
  const std::size_t open = box + 6, end = behind_braces(formula, open);
  return end == std::string::npos ? formula.substr(open + 1) : formula.substr(open + 1, end - open - 2);
}

// An environment and up to five more that "and" joins to it: $1$, $2$ and $3$ are one answer.
std::optional<Found> formula_at(std::string_view text, std::size_t at, bool boxed) {
  const auto read = [&](std::size_t place) {
    std::optional<Found> found = environment_at(text, place);
    if (found && boxed && found->formula.find("\\boxed{") == std::string::npos) { found.reset(); }
    return found;
  };
  std::optional<Found> whole = read(at);
  if (!whole) { return std::nullopt; }
  whole->formula = inside_box(whole->formula);
  for (int more = 0; more < 5; ++more) {
    const std::optional<std::size_t> next = behind_connective(text, whole->end);
    if (!next || *next >= text.size()) { break; }
    const std::optional<Found> other = read(*next);
    if (!other) { break; }
    whole->formula += ", " + inside_box(other->formula);
    whole->end = other->end;
  }
  return whole;
}

std::vector<Found> all_formulas(std::string_view text, bool boxed) {
  std::vector<Found> out;
  for (std::size_t at = 0; at < text.size();) {
    if (std::optional<Found> found = formula_at(text, at, boxed)) {
      at = std::max(found->end, at + 1);
      out.push_back(std::move(*found));
    } else {
      ++at;
    }
  }
  return out;
}

// The first formula that begins at most `reach` characters behind each match of the anchor.
std::vector<Found> formulas_behind(std::string_view text, const Regex& anchor, std::size_t reach,
                                   const Regex* needed) {
  std::vector<Found> out;
  std::size_t free = 0;
  for (const Regex::Match& match : anchor.find_all(text)) {
    if (match.begin < free) { continue; }
    for (std::size_t at = match.end; at < text.size() && at <= match.end + reach; ++at) {
      std::optional<Found> found = formula_at(text, at, false);
      if (!found) { continue; }
      if (needed != nullptr && !needed->found_in(text.substr(found->end))) { break; }
      found->begin = match.begin;
      free = found->end;
      out.push_back(std::move(*found));
      break;
    }
  }
  return out;
}

// ---- numbers and expressions outside of LaTeX ----

const std::string kNumber =
    R"((?<!\d)(?:(-?[1-9]\d{0,2}(?:[ ,]\d{3})+)(\.\d+)?|(-?\d+)([.,]\d+)|(\.\d+)|(-?\d+)))"
    R"((\s*(?:%|[Pp]ercent|\s*[Pp]ercentage|\s*[Pp]ct))?)";
const std::string kOperators = R"(\+\-\*×/\^\(\)÷)";
const std::string kExpression =
    cat(R"((-?\(?-?\d[\d\.\s)", kOperators, "]*[", kOperators, R"(][\d\.\s)", kOperators, R"(]+\)?))");
const std::string kPrefix = R"((?:^|\s|\=)(?:\*\*)?)";
const std::string kSuffix = R"((?:\*\*)?(?:\.|,|:|\s|\)|\$|$))";
const std::string kAnchoredExpression = cat("(?:", kPrefix, kExpression, kSuffix, ")");
const std::string kAnchoredNumber = cat("(?:", kPrefix, "[$€£¥₹₽₪₩₫฿₡₢₣₤₥₦₧₨]?", kNumber, ")");
const std::string kEither = cat("(?:", kAnchoredExpression, "|", kAnchoredNumber, ")");

std::string number_text(const Regex::Match& match, std::size_t first) {
  const auto group = [&](std::size_t i) { return std::string(match.groups[first + i].value_or("")); };
  std::string whole = group(0) + group(2) + group(5), decimals = group(1) + group(3) + group(4);
  if (whole.empty() && decimals.empty()) { return ""; }
  std::erase_if(whole, [](char c) { return c == ',' || c == ' '; });
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  std::replace(decimals.begin(), decimals.end(), ',', '.');
  return cat(whole.empty() ? "0" : whole, decimals, group(6).empty() ? "" : "\\%");
}

// `has_expression`: group 1 is an expression and the number's groups follow it.
std::vector<Found> plain_matches(std::string_view text, const Regex& pattern, bool has_expression,
                                 bool has_number = true) {
  std::vector<Found> out;
  for (const Regex::Match& match : pattern.find_all(text)) {
    const std::string number = has_number ? number_text(match, has_expression ? 2 : 1) : "";
    const std::string expression = has_expression ? std::string(match.groups[1].value_or("")) : "";
    if (number.empty() && expression.empty()) { continue; }
    out.push_back({match.begin, match.end, number.empty() ? expression : number});
  }
  return out;
}

// ---- the order ----

void append(std::vector<Found>& to, std::vector<Found> from) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

// Boxes near each other are one list: \boxed{1} and \boxed{2}.
std::string last_boxes(const std::string& text) {
  std::string joined = inside_box(text), next = joined;
  for (std::size_t at = text.rfind("\\boxed{"); at != std::string::npos && at > 0;) {
    const std::size_t before = text.rfind("\\boxed{", at - 1);
    const std::size_t end = before == std::string::npos ? before : behind_braces(text, before + 6);
    if (end == std::string::npos || end > at) { break; }
    const std::string between = text.substr(end, at - end), own = text.substr(before + 7, end - before - 8);
    const bool separated =
        own != next && between.size() < 70 &&
        (between.find("and") != std::string::npos || between.find("or") != std::string::npos);
    if (between.size() >= 10 && !separated) { break; }
    joined = own + ", " + joined;
    next = own;
    at = before;
  }
  return joined;
}

// A box that no environment holds, up to the last brace of the text.
std::vector<Found> bare_box(const std::string& text) {
  const std::size_t first = text.find("\\boxed{"), last = text.rfind('}');
  if (first == std::string::npos || last == std::string::npos || last < first) { return {}; }
  return {{first, last + 1, last_boxes(text)}};
}

// The candidates of one priority, all of them.
std::vector<Found> candidates(const std::string& text, int priority, bool formulas_only) {
  static const Regex kFinalIs(R"((?i)final answer is:?\s*)"), kHope(R"(\A\.?\s?I hope)");
  static const Regex kFinal(R"((?i)final answer(?s:.){0,100}?\s+is:?\s*)"), kColon("(?i)answer:"),
      kAnswer("(?i)answer");
  static const Regex kPlainHope(cat(R"((?i:final answer is):?\s*)", kEither, R"(\.?\s?I hope)"));
  static const Regex kPlainFinal(cat(R"((?i:final answer.{0,100}?)\s+is:?)", kEither));
  static const Regex kPlainColon(cat(R"((?i:answer):(?:.{0,100}=\s*|.{0,50}?))", kEither, R"((?!\s*=))"));
  static const Regex kPlainAnswer(cat(R"((?i:answer)(?:.{0,100}=\s*|.{0,50}?))", kEither, R"((?!\s*=))"));
  static const Regex kAnyExpression(kAnchoredExpression), kAnyNumber(kAnchoredNumber);
  std::vector<Found> out;
  switch (priority) {
    case 0:
      out = formulas_behind(text, kFinalIs, 0, &kHope);
      break;
    case 1:
      out = formulas_behind(text, kFinal, 0, nullptr);
      append(out, all_formulas(text, true));
      append(out, bare_box(text));
      break;
    case 2:
      out = formulas_behind(text, kColon, 50, nullptr);
      break;
    case 3:
      out = formulas_behind(text, kAnswer, 50, nullptr);
      break;
    default:
      out = all_formulas(text, false);
  }
  if (formulas_only) { return out; }
  switch (priority) {
    case 0:
      append(out, plain_matches(text, kPlainHope, true));
      break;
    case 1:
      append(out, plain_matches(text, kPlainFinal, true));
      break;
    case 2:
      append(out, plain_matches(text, kPlainColon, true));
      break;
    case 3:
      append(out, plain_matches(text, kPlainAnswer, true));
      break;
    default:
      append(out, plain_matches(text, kAnyExpression, true, false));
      append(out, plain_matches(text, kAnyNumber, false));
  }
  return out;
}

// Words are answers too: \text{east}.
bool is_readable(const std::string& formula) {
  if (is_mathematics(formula)) { return true; }
  const std::string key = text_key(formula);
  return !key.empty() && key.size() <= 40 && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalpha(c) != 0 || c == '-' || c == ',';
  });
}

std::vector<Found> bounded_candidates(const std::string& text, int priority, bool formulas_only) {
  try {
    return candidates(text, priority, formulas_only);
  } catch (const InputError&) {  // a pattern ran out of its steps on this text: LaTeX alone is looked at
    return formulas_only ? std::vector<Found>() : candidates(text, priority, true);
  }
}

}  // namespace

FoundAnswer find_answer(const std::string& text, bool formulas_only) {
  FoundAnswer answer;
  for (int priority = 0; priority < 5; ++priority) {
    std::vector<Found> found = bounded_candidates(text, priority, formulas_only);
    std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
      return a.end != b.end ? a.end > b.end : a.begin < b.begin;
    });
    for (const Found& each : found) {
      if (answer.fallback.empty()) { answer.fallback = each.formula; }
      if (!is_readable(each.formula)) { continue; }
      answer.formula = each.formula;
      return answer;
    }
  }
  return answer;
}

bool same_solution(const std::string& solution, const std::string& answer) {
  const FoundAnswer right = find_answer(solution, true), given = find_answer(answer, false);
  if (!right.formula.empty() && !given.formula.empty() && same_answer(right.formula, given.formula)) {
    return true;
  }
  const std::string key = text_key(right.fallback);
  return !key.empty() && key == text_key(given.fallback);
}

}  // namespace una::reward::math
