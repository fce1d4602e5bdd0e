#include "una/reward/math/evaluate.h"

#include <algorithm>
#include <utility>

#include <boost/math/constants/constants.hpp>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <boost/multiprecision/cpp_int.hpp>

namespace una::reward::math {
namespace {

namespace mp = boost::multiprecision;
using Real = mp::number<mp::cpp_bin_float<75>, mp::et_off>;
using Integer = mp::number<mp::cpp_int_backend<>, mp::et_off>;
using Fraction = mp::number<mp::rational_adaptor<mp::cpp_int_backend<>>, mp::et_off>;
using Kind = Expression::Kind;

constexpr unsigned kMostBits = 20000;  // of a fraction's numerator and denominator
constexpr long kMostFactorial = 3000;

struct Complex {
  Real re = 0, im = 0;
};

}  // namespace

// `scale`: the largest term of a sum on the way to this number, whose rounding it carries.
struct Value::Parts {
  Complex number;
  Real scale = 0;
  std::optional<Fraction> exact;
};

namespace {

using Parts = Value::Parts;
struct Undefined {};  // thrown inside evaluate() only

Real magnitude(const Complex& z) {
  return z.im == 0 ? Real(mp::abs(z.re)) : Real(mp::sqrt(z.re * z.re + z.im * z.im));
}

Complex product(const Complex& a, const Complex& b) {
  if (a.im == 0 && b.im == 0) { return {a.re * b.re, 0}; }
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

Complex quotient(const Complex& a, const Complex& b) {
  if (a.im == 0 && b.im == 0) { return {a.re / b.re, 0}; }
  const Real norm = b.re * b.re + b.im * b.im;
  return {(a.re * b.re + a.im * b.im) / norm, (a.im * b.re - a.re * b.im) / norm};
}

Complex exponential(const Complex& z) {
  if (mp::abs(z.re) > 100000) { throw Undefined(); }
  const Real size = mp::exp(z.re);
  if (z.im == 0) { return {size, 0}; }
  return {size * mp::cos(z.im), size * mp::sin(z.im)};
}

Complex logarithm(const Complex& z) {
  if (z.re == 0 && z.im == 0) { throw Undefined(); }
  if (z.im == 0 && z.re > 0) { return {mp::log(z.re), 0}; }
  return {mp::log(magnitude(z)), mp::atan2(z.im, z.re)};
}

bool fits(const Fraction& f) {
  const auto bits = [](const Integer& n) { return n == 0 ? 0U : static_cast<unsigned>(mp::msb(mp::abs(n))); };
  return bits(mp::numerator(f)) <= kMostBits && bits(mp::denominator(f)) <= kMostBits;
}

Parts from_fraction(const Fraction& f) {
  Parts out;
  out.number.re = Real(mp::numerator(f)) / Real(mp::denominator(f));
  if (fits(f)) { out.exact = f; }
  return out;
}

Parts from_real(const Real& value) { return {{value, 0}, 0, std::nullopt}; }

std::optional<long> small_integer(const Parts& value, long most) {
  if (!value.exact || mp::denominator(*value.exact) != 1) { return std::nullopt; }
  const Integer n = mp::numerator(*value.exact);
  if (n > most || n < -most) { return std::nullopt; }
  return static_cast<long>(n);
}

Parts decimal(const std::string& digits) {
  const std::size_t point = digits.find('.');
  std::string whole = digits;
  Integer ten_to = 1;
  if (point != std::string::npos) {
    whole.erase(point, 1);
    ten_to = mp::pow(Integer(10), static_cast<unsigned>(digits.size() - point - 1));
  }
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.size() > 4000) { throw Undefined(); }
  return from_fraction(Fraction(Integer(whole.empty() ? "0" : whole), ten_to));
}

Parts combine(Kind kind, const Parts& a, const Parts& b) {
  Parts out;
  const bool sum = kind == Kind::kAdd || kind == Kind::kSubtract;
  if (kind == Kind::kDivide && magnitude(b.number) == 0) { throw Undefined(); }
  if (a.exact && b.exact) {
    const Fraction f = kind == Kind::kAdd        ? *a.exact + *b.exact
                       : kind == Kind::kSubtract ? *a.exact - *b.exact
                       : kind == Kind::kMultiply ? *a.exact * *b.exact
                                                 : *a.exact / *b.exact;
    if (fits(f)) { return from_fraction(f); }
  }
  if (sum) {
    const Real sign = kind == Kind::kAdd ? 1 : -1;
    out.number = {a.number.re + sign * b.number.re, a.number.im + sign * b.number.im};
    out.scale = std::max({a.scale, b.scale, magnitude(a.number), magnitude(b.number)});
    return out;
  }
  out.number = kind == Kind::kMultiply ? product(a.number, b.number) : quotient(a.number, b.number);
  // The rounding of each operand, carried on.
  const Real size_a = magnitude(a.number), size_b = magnitude(b.number);
  if (kind == Kind::kMultiply) {
    out.scale = std::max<Real>(a.scale * size_b, b.scale * size_a);
  } else {
    out.scale = std::max<Real>(a.scale / size_b, b.scale * size_a / (size_b * size_b));
  }
  return out;
}

// A root of odd degree, written as one, of a negative number is real.
Parts power(const Parts& base, const Parts& exponent, bool root_of_odd) {
  const std::optional<long> whole = small_integer(exponent, 100000);
  if (whole && base.exact) {
    const auto size = static_cast<unsigned>(std::labs(*whole));
    const Integer top = mp::numerator(*base.exact), bottom = mp::denominator(*base.exact);
    if (*whole < 0 && top == 0) { throw Undefined(); }
    const auto bits =
        static_cast<std::uint64_t>(std::max(mp::msb(mp::abs(top) + 1), mp::msb(bottom + 1))) + 1;
    if (bits * size <= kMostBits) {
      const Integer p = mp::pow(top, size), q = mp::pow(bottom, size);
      return from_fraction(*whole < 0 ? Fraction(q, p) : Fraction(p, q));
    }
  }
  if (magnitude(base.number) == 0) {
    if (exponent.number.re > 0) { return from_fraction(0); }
    throw Undefined();
  }
  if (root_of_odd && base.number.im == 0 && base.number.re < 0) {
    Parts positive = base;
    positive.number.re = -base.number.re;
    positive.exact.reset();
    Parts out = power(positive, exponent, false);
    out.number.re = -out.number.re;
    return out;
  }
  Parts out;
  if (base.number.im == 0 && exponent.number.im == 0 && base.number.re > 0) {
    out.number = exponential({exponent.number.re * mp::log(base.number.re), 0});
  } else {
    out.number = exponential(product(exponent.number, logarithm(base.number)));
  }
  if (base.scale > 0) {  // (x + d)^y is about x^y (1 + y d / x)
    out.scale = magnitude(out.number) * base.scale / magnitude(base.number) *
                std::max<Real>(1, magnitude(exponent.number));
  }
  return out;
}

Parts factorial(const Parts& n) {
  const std::optional<long> whole = small_integer(n, kMostFactorial);
  if (!whole || *whole < 0) { throw Undefined(); }
  Integer out = 1;
  for (long i = 2; i <= *whole; ++i) { out *= i; }
  Parts value;
  value.number.re = Real(out);
  value.exact = Fraction(out);
  return value;
}

Parts binomial(const Parts& n, const Parts& k) {
  const std::optional<long> top = small_integer(n, kMostFactorial), bottom = small_integer(k, kMostFactorial);
  if (!top || !bottom || *top < 0) { throw Undefined(); }
  if (*bottom < 0 || *bottom > *top) { return from_fraction(0); }
  Integer out = 1;
  for (long i = 1; i <= *bottom; ++i) { out = out * (*top - *bottom + i) / i; }
  return from_fraction(Fraction(out));
}

Parts in_base(const std::string& digits, const Parts& base) {
  const std::optional<long> b = small_integer(base, 36);
  if (!b || *b < 2 || digits.find('.') != std::string::npos) { throw Undefined(); }
  Integer out = 0;
  for (const char c : digits) {
    if (c - '0' >= *b) { throw Undefined(); }
    out = out * *b + (c - '0');
  }
  return from_fraction(Fraction(out));
}

Complex sine(const Complex& z) {
  if (z.im == 0) { return {mp::sin(z.re), 0}; }
  return {mp::sin(z.re) * mp::cosh(z.im), mp::cos(z.re) * mp::sinh(z.im)};
}
Complex cosine(const Complex& z) {
  if (z.im == 0) { return {mp::cos(z.re), 0}; }
  return {mp::cos(z.re) * mp::cosh(z.im), -mp::sin(z.re) * mp::sinh(z.im)};
}

Complex checked_quotient(const Complex& a, const Complex& b) {
  if (magnitude(b) < Real("1e-60")) { throw Undefined(); }
  return quotient(a, b);
}

Parts rounded(const Parts& value, bool up) {
  if (value.number.im != 0) { throw Undefined(); }
  return from_fraction(Fraction(Integer(up ? mp::ceil(value.number.re) : mp::floor(value.number.re))));
}

Parts inverse(const std::string& name, const Parts& value) {
  const Complex& z = value.number;
  if (z.im != 0) { throw Undefined(); }
  if (name == "arctan") { return from_real(mp::atan(z.re)); }
  if (mp::abs(z.re) > 1) { throw Undefined(); }
  return from_real(name == "arcsin" ? mp::asin(z.re) : mp::acos(z.re));
}

Parts function(const std::string& name, const std::vector<Parts>& inner) {
  const Complex& z = inner.back().number;
  const Complex one{1, 0};
  Parts out;
  if (mp::abs(z.re) > 1000000 || mp::abs(z.im) > 1000) {
    if (name != "ln" && name != "log" && name != "log_base" && name != "floor" && name != "ceil") {
      throw Undefined();
    }
  }
  if (name == "floor" || name == "ceil") { return rounded(inner[0], name == "ceil"); }
  if (name.compare(0, 3, "arc") == 0) { return inverse(name, inner[0]); }
  if (name == "sin") {
    out.number = sine(z);
  } else if (name == "cos") {
    out.number = cosine(z);
  } else if (name == "tan" || name == "cot") {
    out.number = name == "tan" ? checked_quotient(sine(z), cosine(z)) : checked_quotient(cosine(z), sine(z));
  } else if (name == "sec" || name == "csc") {
    out.number = checked_quotient(one, name == "sec" ? cosine(z) : sine(z));
  } else if (name == "exp") {
    out.number = exponential(z);
  } else if (name == "ln") {
    out.number = logarithm(z);
  } else if (name == "log" || name == "log_base") {
    const Complex base = name == "log" ? Complex{10, 0} : inner[0].number;
    out.number = checked_quotient(logarithm(z), logarithm(base));
  } else if (z.im == 0 && (name == "sinh" || name == "cosh" || name == "tanh")) {
    out.number.re = name == "sinh" ? mp::sinh(z.re) : name == "cosh" ? mp::cosh(z.re) : mp::tanh(z.re);
  } else {
    throw Undefined();
  }
  out.scale = std::max<Real>(1, magnitude(out.number));  // a sine that should be 0 is 1e-75
  return out;
}

Parts constant(const std::string& name) {
  if (name == "pi") { return from_real(boost::math::constants::pi<Real>()); }
  if (name == "e") { return from_real(mp::exp(Real(1))); }
  if (name == "i") { return {{0, 1}, 0, std::nullopt}; }
  Parts out;
  out.number.re = std::numeric_limits<Real>::infinity();
  return out;
}

Parts parts_of(const Expression& expression, const Environment& symbols);

Parts absolute(const Parts& value) {
  if (value.exact) { return from_fraction(*value.exact < 0 ? Fraction(-*value.exact) : *value.exact); }
  Parts out = value;
  out.number = {magnitude(value.number), 0};
  return out;
}

Parts negated(Parts value) {
  value.number = {-value.number.re, -value.number.im};
  if (value.exact) { value.exact = -*value.exact; }
  return value;
}

Parts symbol(const std::string& name, const Environment& symbols) {
  const auto found = symbols.find(name);
  if (found == symbols.end()) { throw Undefined(); }
  return {{Real(found->second.first), Real(found->second.second)}, 0, std::nullopt};
}

Parts parts_of(const Expression& expression, const Environment& symbols) {
  std::vector<Parts> inner;
  for (const Expression& part : expression.parts) { inner.push_back(parts_of(part, symbols)); }
  switch (expression.kind) {
    case Kind::kNumber:
      return decimal(expression.name);
    case Kind::kConstant:
      return constant(expression.name);
    case Kind::kSymbol:
      return symbol(expression.name, symbols);
    case Kind::kAdd:
    case Kind::kSubtract:
    case Kind::kMultiply:
    case Kind::kDivide:
      return combine(expression.kind, inner[0], inner[1]);
    case Kind::kPower:
      return power(inner[0], inner[1], expression.root_of_odd);
    case Kind::kNegate:
      return negated(std::move(inner[0]));
    case Kind::kAbsolute:
      return absolute(inner[0]);
    case Kind::kFactorial:
      return factorial(inner[0]);
    case Kind::kBinomial:
      return binomial(inner[0], inner[1]);
    case Kind::kFunction:
      return function(expression.name, inner);
    case Kind::kInBase:
      return in_base(expression.parts[0].name, inner[1]);
    case Kind::kPercent:
      return combine(Kind::kDivide, inner[0], from_fraction(100));
    case Kind::kPlusMinus:
      throw Undefined();
  }
  throw Undefined();
}

// The nearest whole number, halves to even, as Python rounds.
Real rounded_places(const Real& value) {
  const Real wide = value * 1000000, low = mp::floor(wide), rest = wide - low;
  if (rest != Real(0.5)) { return mp::floor(wide + Real(0.5)); }
  return mp::fmod(low, Real(2)) == 0 ? low : Real(low + 1);
}

}  // namespace

Value::Value(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Value::~Value() = default;
Value::Value(const Value& other) : parts_(std::make_unique<Parts>(*other.parts_)) {}
Value::Value(Value&&) noexcept = default;

bool Value::equals(const Value& other) const {
  const Parts &a = *parts_, &b = *other.parts_;
  if (a.exact && b.exact) { return *a.exact == *b.exact; }
  if (!is_finite() || !other.is_finite()) { return a.number.re == b.number.re && a.number.im == b.number.im; }
  const Real difference = magnitude({a.number.re - b.number.re, a.number.im - b.number.im});
  const Real size = std::max(magnitude(a.number), magnitude(b.number)), scale = std::max(a.scale, b.scale);
  return difference <= Real("1e-40") * size || difference <= Real("1e-55") * scale;
}

bool Value::equals_rounded(const Value& other) const {
  if (equals(other)) { return true; }
  if (!is_finite() || !other.is_finite()) { return false; }
  const Complex &a = parts_->number, &b = other.parts_->number;
  if (mp::abs(a.re) > Real("1e60") || mp::abs(b.re) > Real("1e60")) { return false; }
  const Real difference = magnitude({a.re - b.re, a.im - b.im});
  return rounded_places(a.re) == rounded_places(b.re) && rounded_places(a.im) == rounded_places(b.im) &&
         difference <= Real("1e-3") * std::max(magnitude(a), magnitude(b));
}

Value Value::over(const Value& other) const {
  return Value(std::make_unique<Parts>(combine(Kind::kDivide, *parts_, *other.parts_)));
}
Value Value::minus(const Value& other) const {
  return Value(std::make_unique<Parts>(combine(Kind::kSubtract, *parts_, *other.parts_)));
}

bool Value::is_zero() const {
  if (parts_->exact) { return *parts_->exact == 0; }
  return magnitude(parts_->number) <= Real("1e-55") * parts_->scale;
}
bool Value::is_finite() const { return mp::isfinite(parts_->number.re) && mp::isfinite(parts_->number.im); }
bool Value::is_real() const { return parts_->number.im == 0; }
bool Value::is_below(const Value& other) const { return parts_->number.re < other.parts_->number.re; }

std::optional<Value> evaluate(const Expression& expression, const Environment& symbols) {
  try {
    return Value(std::make_unique<Value::Parts>(parts_of(expression, symbols)));
  } catch (const Undefined&) { return std::nullopt; }
}

}  // namespace una::reward::math
