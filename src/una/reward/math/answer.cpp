#include "una/reward/math/answer.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

#include "una/base/format.h"
#include "una/reward/math/evaluate.h"
#include "una/reward/math/expression.h"
#include "una/reward/math/latex.h"

namespace una::reward::math {
namespace {

constexpr std::size_t kLongest = 2000;  // bytes of an answer that is read
constexpr std::size_t kMostParts = 100;
constexpr int kDeepest = 6;

// An answer in its shape.
struct Answer {
  enum class Shape { kFormula, kSet, kBracketed, kUnion, kMatrix, kAssignment, kRelation };
  Shape shape = Shape::kFormula;
  std::vector<Answer> parts;         // elements; rows of a matrix, each a set
  std::vector<Expression> formulas;  // one, or the sides of a relation
  std::vector<std::string> signs;    // of a relation, between the sides: "=", "<", "\\le", ...
  std::string name;                  // of an assignment; brackets "(]"
  bool decimal = false;              // written with a decimal point
};
using Shape = Answer::Shape;

std::optional<Answer> parse(const std::string& text, int depth);

bool has_decimal(const Expression& formula) {
  if (formula.kind == Expression::Kind::kNumber) { return formula.name.find('.') != std::string::npos; }
  return std::any_of(formula.parts.begin(), formula.parts.end(), has_decimal);
}

// A word is not a product of letters: "east" and "seat" differ.
bool is_word(const std::string& text) {
  return text.size() > 2 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalpha(c) != 0; }) &&
         text != "sin" && text != "cos";
}

Answer formula_answer(Expression formula) {
  Answer out;
  out.decimal = has_decimal(formula);
  out.formulas.push_back(std::move(formula));
  return out;
}

std::optional<Answer> parse_formula(const std::string& text) {
  if (is_word(text)) { return std::nullopt; }
  std::optional<Expression> formula = parse_expression(text);
  if (!formula) { return std::nullopt; }
  if (!formula->has(Expression::Kind::kPlusMinus)) { return formula_answer(std::move(*formula)); }
  Answer set{.shape = Shape::kSet, .parts = {}, .formulas = {}, .signs = {}, .name = {}, .decimal = false};
  for (Expression& value : without_plus_minus(*formula)) {
    set.parts.push_back(formula_answer(std::move(value)));
  }
  return set.parts.empty() ? std::nullopt : std::optional(set);
}

std::optional<std::vector<Answer>> parse_all(const std::vector<std::string>& texts, int depth) {
  std::vector<Answer> out;
  if (texts.size() > kMostParts) { return std::nullopt; }
  for (const std::string& text : texts) {
    std::optional<Answer> part = parse(std::string(trim(text)), depth + 1);
    if (!part) { return std::nullopt; }
    out.push_back(std::move(*part));
  }
  return out;
}

std::optional<Answer> make_shape(Shape shape, const std::vector<std::string>& texts, int depth,
                                 std::string name = "") {
  std::optional<std::vector<Answer>> parts = parse_all(texts, depth);
  if (!parts) { return std::nullopt; }
  Answer out;
  out.shape = shape, out.parts = std::move(*parts), out.name = std::move(name);
  return out;
}

// Elements of a list; one with \pm is two.
std::optional<Answer> make_set(const std::vector<std::string>& texts, int depth) {
  std::optional<Answer> set = make_shape(Shape::kSet, texts, depth);
  if (!set) { return std::nullopt; }
  std::vector<Answer> flat;
  for (Answer& part : set->parts) {
    const bool inner = part.shape == Shape::kSet;
    if (inner) {
      std::move(part.parts.begin(), part.parts.end(), std::back_inserter(flat));
    } else {
      flat.push_back(std::move(part));
    }
  }
  set->parts = std::move(flat);
  return set;
}

std::optional<Answer> parse_matrix(const std::string& text, int depth) {
  for (const char* name : {"pmatrix", "bmatrix", "vmatrix", "Bmatrix", "matrix", "array", "smallmatrix"}) {
    const std::string open = cat("\\begin{", name, "}"), close = cat("\\end{", name, "}");
    if (!starts_with(text, open) || !ends_with(text, close)) { continue; }
    std::string inner = text.substr(open.size(), text.size() - open.size() - close.size());
    if (std::string(name) == "array" && starts_with(inner, "{")) {  // {cc}
      inner = inner.substr(std::min(behind_braces(inner, 0), inner.size()));
    }
    Answer out;
    out.shape = Shape::kMatrix;
    for (const std::string& row : split_outside(inner, "\x01")) {
      if (trim(row).empty()) { continue; }
      std::optional<Answer> cells = make_shape(Shape::kSet, split_outside(row, "&"), depth);
      if (!cells) { return std::nullopt; }
      out.parts.push_back(std::move(*cells));
    }
    return out.parts.empty() ? std::nullopt : std::optional(out);
  }
  return std::nullopt;
}

struct Relations {
  std::vector<std::string> sides, signs;
};

// Cut at =, <, >, \le, \ge, \ne outside of brackets.
Relations cut_relations(const std::string& text) {
  Relations out;
  out.sides.emplace_back();
  int depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::string sign;
    if (depth == 0) {
      for (const char* candidate :
           {"\\le", "\\ge", "\\ne", "<=", ">=", "!=", "=", "<", ">", "\\lt", "\\gt"}) {
        const std::string_view found = candidate;
        const bool command = c == '\\' && at + found.size() < text.size() &&
                             std::isalpha(static_cast<unsigned char>(text[at + found.size()])) != 0;
        if (std::string_view(text).substr(at, found.size()) == found && !command) { sign = candidate; }
        if (!sign.empty()) { break; }
      }
    }
    if (!sign.empty()) {
      at += sign.size();
      static const std::vector<std::pair<std::string, std::string>> kSame = {
          {"<=", "\\le"}, {">=", "\\ge"}, {"!=", "\\ne"}, {"\\lt", "<"}, {"\\gt", ">"}};
      for (const auto& [from, to] : kSame) {
        if (sign == from) { sign = to; }
      }
      out.signs.push_back(sign);
      out.sides.emplace_back();
      continue;
    }
    depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
    out.sides.back() += c;
    ++at;
  }
  for (std::string& side : out.sides) { side = std::string(trim(side)); }
  return out;
}

// x, \theta, f(x), x_1, (x, y): what an assignment names.
bool is_name(const std::string& text) {
  if (text.empty() || text.size() > 20) { return false; }
  std::size_t at = 0;
  if (text[0] == '(') {
    return text.back() == ')' && std::all_of(text.begin() + 1, text.end() - 1, [](unsigned char c) {
             return std::isalpha(c) != 0 || c == ',' || c == ' ';
           });
  }
  if (text[at] == '\\') { ++at; }
  const std::size_t begin = at;
  while (at < text.size() && std::isalpha(static_cast<unsigned char>(text[at])) != 0) { ++at; }
  if (at == begin || (text[0] != '\\' && at - begin > 1 && !is_word(text.substr(0, at)))) { return false; }
  if (text[0] == '\\' && (text == "\\pi" || text == "\\infty")) { return false; }
  const std::string rest = text.substr(at);
  const bool argument = rest.size() == 3 && rest[0] == '(' && rest[2] == ')' &&
                        std::isalpha(static_cast<unsigned char>(rest[1])) != 0;
  return rest.empty() || argument || rest[0] == '_';
}

std::optional<Answer> parse_relation(const Relations& cut, int depth) {
  const bool equations =
      std::all_of(cut.signs.begin(), cut.signs.end(), [](const auto& sign) { return sign == "="; });
  if (equations && is_name(cut.sides.front())) {
    // a = b = 3: the last side is the value.
    return make_shape(Shape::kAssignment, {cut.sides.back()}, depth, cut.sides.front());
  }
  if (equations && cut.sides.size() > 2) { return parse(cut.sides.back(), depth + 1); }
  Answer out;
  out.shape = Shape::kRelation, out.signs = cut.signs;
  for (const std::string& side : cut.sides) {
    std::optional<Expression> formula = parse_expression(side);
    if (!formula || formula->has(Expression::Kind::kPlusMinus)) { return std::nullopt; }
    out.formulas.push_back(std::move(*formula));
  }
  return out;
}

// Bracketed by one pair around the whole.
bool is_enclosed(const std::string& text) {
  return text.size() > 2 && (text[0] == '(' || text[0] == '[') &&
         (text.back() == ')' || text.back() == ']') &&
         is_balanced(std::string_view(text).substr(1, text.size() - 2));
}

std::optional<Answer> parse_lists(const std::string& text, int depth) {
  if (text == "\\emptyset" || text == "\\varnothing" || text == "\\{\\}") {
    Answer none;
    none.shape = Shape::kSet;
    return none;
  }
  if (starts_with(text, "\\{") && ends_with(text, "\\}")) {
    return make_set(split_outside(text.substr(2, text.size() - 4), ","), depth);
  }
  if (is_enclosed(text)) {
    const std::vector<std::string> elements = split_outside(text.substr(1, text.size() - 2), ",");
    if (elements.size() > 1) {
      return make_shape(Shape::kBracketed, elements, depth, {text.front(), text.back()});
    }
  }
  return std::nullopt;
}

std::optional<Answer> parse(const std::string& text, int depth) {
  if (text.empty() || depth > kDeepest) { return std::nullopt; }
  if (std::optional<Answer> matrix = parse_matrix(text, depth)) { return matrix; }
  const std::vector<std::string> unions = split_outside(text, "\\cup");
  if (unions.size() > 1) {
    const std::size_t in = text.find("\\in ");
    if (in != std::string::npos && is_name(std::string(trim(text.substr(0, in))))) {
      return parse(text.substr(in + 4), depth + 1);
    }
    return make_shape(Shape::kUnion, unions, depth);
  }
  if (std::optional<Answer> list = parse_lists(text, depth)) { return list; }
  std::vector<std::string> elements = split_outside(text, ",");
  std::erase_if(elements, [](const std::string& element) { return trim(element).empty(); });
  if (elements.size() > 1) {
    const std::string& first = elements.front();  // "x = 1, 2": both are values of x
    const std::size_t equals = first.find('=');
    if (equals != std::string::npos && is_name(std::string(trim(first.substr(0, equals)))) &&
        std::none_of(elements.begin() + 1, elements.end(),
                     [](const std::string& e) { return e.find('=') != std::string::npos; })) {
      elements.front() = first.substr(equals + 1);
    }
    return make_set(elements, depth);
  }
  const std::size_t in = text.find("\\in");
  if (in != std::string::npos && text.compare(in, 6, "\\infty") != 0 &&
      is_name(std::string(trim(text.substr(0, in))))) {
    return parse(std::string(trim(text.substr(in + 3))), depth + 1);
  }
  const Relations cut = cut_relations(text);
  if (!cut.signs.empty()) { return parse_relation(cut, depth); }
  return parse_formula(text);
}

std::optional<Answer> parse_answer(const std::string& answer) {
  if (answer.size() > kLongest) { return std::nullopt; }
  return parse(clean_answer(answer), 0);
}

// ---- comparing ----

// Fixed points off the real axis, one for each try.
Environment point(const std::set<std::string>& symbols, int number) {
  Environment out;
  std::uint64_t state = 0x9E3779B97F4A7C15ULL * static_cast<std::uint64_t>(number + 1);
  const auto draw = [&](double low, double high) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return low + (high - low) * static_cast<double>(state >> 11U) / 9007199254740992.0;
  };
  for (const std::string& symbol : symbols) {
    const double real = draw(0.3, 2);
    out[symbol] = {real, draw(0.1, 1)};
  }
  return out;
}

constexpr int kPoints = 4;

bool same_formula(const Expression& a, const Expression& b, bool decimal) {
  std::set<std::string> symbols = a.symbols(), others = b.symbols();
  const bool letters = !symbols.empty() || !others.empty();
  symbols.merge(others);
  for (int i = 0; i < (letters ? kPoints : 1); ++i) {
    const Environment here = point(symbols, i);
    const std::optional<Value> x = evaluate(a, here), y = evaluate(b, here);
    if (!x || !y || !(decimal ? x->equals_rounded(*y) : x->equals(*y))) { return false; }
  }
  return true;
}

const Expression* percent_of(const Expression& formula) {
  return formula.kind == Expression::Kind::kPercent ? &formula.parts[0] : nullptr;
}

bool same_formula_or_percent(const Answer& right, const Answer& answer) {
  const Expression &a = right.formulas[0], &b = answer.formulas[0];
  const bool decimal = right.decimal || answer.decimal;
  if (same_formula(a, b, decimal)) { return true; }
  const Expression *of_a = percent_of(a), *of_b = percent_of(b);
  if ((of_a == nullptr) == (of_b == nullptr)) { return false; }
  return of_a != nullptr ? same_formula(*of_a, b, decimal) : same_formula(a, *of_b, decimal);
}

// left - right of every sign, with < and \le turned around where they are > and \ge.
struct Difference {
  Expression over;  // what is zero, or positive
  std::string sign;
};

std::vector<Difference> differences(const Answer& relation) {
  std::vector<Difference> out;
  for (std::size_t i = 0; i < relation.signs.size(); ++i) {
    const std::string& sign = relation.signs[i];
    const bool turned = sign == ">" || sign == "\\ge";
    const Expression &left = relation.formulas[i], &right = relation.formulas[i + 1];
    Difference difference;
    difference.over = {.kind = Expression::Kind::kSubtract,
                       .name = {},
                       .parts = turned ? std::vector{left, right} : std::vector{right, left}};
    difference.sign = sign == ">" ? "<" : sign == "\\ge" ? "\\le" : sign;
    out.push_back(std::move(difference));
  }
  return out;
}

// Equal up to a constant factor; a positive one for inequalities.
bool same_difference(const Difference& a, const Difference& b) {
  if (a.sign != b.sign) { return false; }
  std::set<std::string> symbols = a.over.symbols();
  if (symbols.empty() || symbols != b.over.symbols()) { return false; }
  std::optional<Value> factor;
  for (int i = 0; i < kPoints; ++i) {
    const Environment here = point(symbols, i);
    const std::optional<Value> x = evaluate(a.over, here), y = evaluate(b.over, here);
    if (!x || !y || x->is_zero() || y->is_zero() || !x->is_finite() || !y->is_finite()) { return false; }
    const Value quotient = x->over(*y);
    if (factor && !quotient.equals(*factor)) { return false; }
    if (!factor) { factor.emplace(quotient); }
  }
  if (a.sign == "=" || a.sign == "\\ne") { return true; }
  const std::optional<Value> zero =
      evaluate({.kind = Expression::Kind::kNumber, .name = "0", .parts = {}}, {});
  return factor->minus(*zero).over(*factor).equals(
             *evaluate({.kind = Expression::Kind::kNumber, .name = "1", .parts = {}}, {})) &&
         zero->is_below(*factor);
}

bool same(const Answer& right, const Answer& answer);

bool same_in_order(const std::vector<Answer>& right, const std::vector<Answer>& answer) {
  return right.size() == answer.size() && std::equal(right.begin(), right.end(), answer.begin(), same);
}

bool same_in_any_order(const std::vector<Answer>& right, std::vector<Answer> answer) {
  if (right.size() != answer.size()) { return false; }
  return std::all_of(right.begin(), right.end(), [&](const Answer& element) {
    const auto found =
        std::find_if(answer.begin(), answer.end(), [&](const Answer& other) { return same(element, other); });
    if (found == answer.end()) { return false; }
    answer.erase(found);
    return true;
  });
}

// Chains may be written from either end: 1 < x and x > 1, 1 < x < 2 and 2 > x > 1.
bool same_relation(const Answer& right, const Answer& answer) {
  std::vector<Difference> a = differences(right), b = differences(answer);
  if (a.size() != b.size()) { return false; }
  return std::all_of(a.begin(), a.end(), [&](const Difference& difference) {
    const auto found = std::find_if(
        b.begin(), b.end(), [&](const Difference& other) { return same_difference(difference, other); });
    if (found == b.end()) { return false; }
    b.erase(found);
    return true;
  });
}

Expression infinity(bool negative) {
  Expression out{.kind = Expression::Kind::kConstant, .name = "inf", .parts = {}};
  return negative ? Expression{.kind = Expression::Kind::kNegate, .name = {}, .parts = {std::move(out)}}
                  : out;
}

// 1 < x \le 2 and x > 3 as intervals; nullopt: another relation.
std::optional<Answer> as_interval(const Answer& relation) {
  std::vector<Expression> sides = relation.formulas;
  std::vector<std::string> signs = relation.signs;
  if (signs.empty() || signs.size() > 2) { return std::nullopt; }
  const auto is_up = [](const std::string& sign) { return sign == "<" || sign == "\\le"; };
  const auto is_down = [](const std::string& sign) { return sign == ">" || sign == "\\ge"; };
  if (std::all_of(signs.begin(), signs.end(), is_down)) {
    std::reverse(sides.begin(), sides.end());
    std::reverse(signs.begin(), signs.end());
    for (std::string& sign : signs) { sign = sign == ">" ? "<" : "\\le"; }
  }
  if (!std::all_of(signs.begin(), signs.end(), is_up)) { return std::nullopt; }
  const auto is_symbol = [](const Expression& side) { return side.kind == Expression::Kind::kSymbol; };
  if (signs.size() == 1) {
    const bool below = is_symbol(sides[0]);  // x < 2
    sides.insert(below ? sides.begin() : sides.end(), infinity(below));
    signs.insert(below ? signs.begin() : signs.end(), "<");
  }
  if (!is_symbol(sides[1]) || !sides[0].symbols().empty() || !sides[2].symbols().empty()) {
    return std::nullopt;
  }
  Answer out;
  out.shape = Shape::kBracketed;
  out.name = {signs[0] == "<" ? '(' : '[', signs[1] == "<" ? ')' : ']'};
  out.parts = {formula_answer(sides[0]), formula_answer(sides[2])};
  return out;
}

bool same(const Answer& right, const Answer& answer) {
  if (right.shape == Shape::kAssignment && answer.shape == Shape::kAssignment) {
    return text_key(right.name) == text_key(answer.name) && same(right.parts[0], answer.parts[0]);
  }
  if (right.shape == Shape::kAssignment && answer.shape != Shape::kRelation) {
    return same(right.parts[0], answer);
  }
  if (answer.shape == Shape::kAssignment && right.shape != Shape::kRelation) {
    return same(right, answer.parts[0]);
  }
  // Where the right answer is a value, an equation is read as the value on its right.
  if (answer.shape == Shape::kRelation && right.shape == Shape::kFormula &&
      answer.signs == std::vector<std::string>{"="}) {
    return same(right, formula_answer(answer.formulas.back()));
  }
  if (right.shape == Shape::kRelation && answer.shape == Shape::kBracketed) {
    const std::optional<Answer> interval = as_interval(right);
    return interval && same(*interval, answer);
  }
  // {3} and 3
  if (right.shape == Shape::kSet && answer.shape == Shape::kFormula) {
    return right.parts.size() == 1 && same(right.parts[0], answer);
  }
  if (answer.shape == Shape::kSet && right.shape == Shape::kFormula) {
    return answer.parts.size() == 1 && same(right, answer.parts[0]);
  }
  if (right.shape != answer.shape) { return false; }
  switch (right.shape) {
    case Shape::kFormula:
      return same_formula_or_percent(right, answer);
    case Shape::kSet:
    case Shape::kUnion:
      return same_in_any_order(right.parts, answer.parts);
    case Shape::kBracketed:
      return (right.name == answer.name || right.parts.size() > 2) &&
             same_in_order(right.parts, answer.parts);
    case Shape::kMatrix:
      return right.parts.size() == answer.parts.size() &&
             std::equal(right.parts.begin(), right.parts.end(), answer.parts.begin(),
                        [](const Answer& a, const Answer& b) { return same_in_order(a.parts, b.parts); });
    case Shape::kRelation:
      return same_relation(right, answer);
    case Shape::kAssignment:
      return false;
  }
  return false;
}

}  // namespace

bool same_answer(const std::string& right, const std::string& answer) {
  const std::optional<Answer> a = parse_answer(right), b = parse_answer(answer);
  if (a && b) { return same(*a, *b); }
  if (a || b) { return false; }  // "12" is not "1 2"
  const std::string key = text_key(right);
  return !key.empty() && key == text_key(answer);
}

bool same_value(const std::string& a, const std::string& b) {
  const std::optional<Expression> x = parse_expression(a), y = parse_expression(b);
  return x && y && same_formula(*x, *y, false);
}

bool is_mathematics(const std::string& answer) { return parse_answer(answer).has_value(); }

}  // namespace una::reward::math
