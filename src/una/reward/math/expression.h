#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace una::reward::math {

// A formula of an answer as a tree. Owner of its parts.
struct Expression {
  enum class Kind {
    kNumber,    // `name`: its digits, with a decimal point or without
    kConstant,  // "pi", "e", "i", "inf"
    kSymbol,    // "x", "alpha", "x_1"
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kPower,
    kNegate,
    kAbsolute,
    kFactorial,
    kBinomial,
    kFunction,   // `name`: sin, cos, ..., ln, log, log_base (base first), min, max, gcd, lcm, floor, ceil
    kPlusMinus,  // two values
    kInBase,     // digits of parts[0] in base parts[1]
    kPercent,    // a hundredth
  };
  Kind kind = Kind::kNumber;
  std::string name;
  std::vector<Expression> parts;
  bool root_of_odd = false;  // kPower by 1/n, n odd and written as a root: real for a negative base

  std::set<std::string> symbols() const;
  bool has(Kind wanted) const;  // anywhere in the tree
};

// Reads a formula in the LaTeX of answers: numbers, letters, + - * / \cdot \times \frac ^ \sqrt ! | | \binom, the usual
// functions, % and subscripts. Plain text such as 3*x^2 or sqrt(2) is read too. nullopt: anything else, or nested more
// than 100 deep. `text` is without sizes and spacing (clean_answer).
std::optional<Expression> parse_expression(std::string_view text);

// Every value of an expression with \pm, two for each sign; at most 8, else empty.
std::vector<Expression> without_plus_minus(const Expression& expression);

}  // namespace una::reward::math
