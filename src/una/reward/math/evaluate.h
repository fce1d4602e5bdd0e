#pragma once

#include <map>
#include <memory>
#include <string>

#include "una/reward/math/expression.h"

namespace una::reward::math {

// A complex number of 75 decimal digits, and as a fraction where the formula has one. Hides Boost.Multiprecision.
class Value {
 public:
  struct Parts;
  explicit Value(std::unique_ptr<Parts> parts);
  ~Value();
  Value(const Value& other);
  Value& operator=(const Value&) = delete;
  Value(Value&&) noexcept;

  // Exactly equal where both are fractions, else relative 1e-40 (what cancelled in a sum is forgiven 1e-55 of it).
  bool equals(const Value& other) const;
  // Equal when rounded to 6 decimal places, which is what a decimal number in an answer promises, and within 0.1 %.
  bool equals_rounded(const Value& other) const;
  Value over(const Value& other) const;  // the quotient; the caller has checked that `other` is not zero
  Value minus(const Value& other) const;
  bool is_zero() const;
  bool is_finite() const;
  bool is_real() const;
  bool is_below(const Value& other) const;  // of their real parts

 private:
  std::unique_ptr<Parts> parts_;
};

// Values of symbols, complex.
using Environment = std::map<std::string, std::pair<double, double>>;

// nullopt: a division by zero, a number too large, a symbol without a value, \pm, a factorial of no whole number.
std::optional<Value> evaluate(const Expression& expression, const Environment& symbols);

}  // namespace una::reward::math
