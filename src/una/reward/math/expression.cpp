#include "una/reward/math/expression.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace una::reward::math {
namespace {

using Kind = Expression::Kind;

constexpr int kDeepest = 100;
constexpr std::size_t kMostTokens = 2000;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

// Words between other tokens: "\frac", "3.25", "x", "sqrt", "(".
std::optional<std::vector<std::string>> tokens_of(std::string_view text) {
  static constexpr std::array kWords = {"sqrt", "arcsin", "arccos", "arctan", "sinh", "cosh",
                                        "tanh", "sin",    "cos",    "tan",    "cot",  "sec",
                                        "csc",  "log",    "ln",     "exp",    "pi",   "infty"};
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    std::size_t end = at + 1;
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      at = end;
      continue;
    }
    if (static_cast<unsigned char>(c) >= 0x80) { return std::nullopt; }
    if (c == '\\') {
      while (end < text.size() && is_letter(text[end])) { ++end; }
      if (end == at + 1) { end = std::min(end + 1, text.size()); }
    } else if (is_digit(c) || (c == '.' && end < text.size() && is_digit(text[end]))) {
      while (end < text.size() && is_digit(text[end])) { ++end; }
      if (c != '.' && end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1])) {
        ++end;
        while (end < text.size() && is_digit(text[end])) { ++end; }
      }
    } else if (is_letter(c)) {
      for (const std::string_view word : kWords) {
        if (text.substr(at, word.size()) == word) {
          end = at + word.size();
          break;
        }
      }
      if (end > at + 1) {
        out.push_back("\\" + std::string(text.substr(at, end - at)));
        at = end;
        continue;
      }
    }
    out.emplace_back(text.substr(at, end - at));
    at = end;
    if (out.size() > kMostTokens) { return std::nullopt; }
  }
  return out;
}

bool is_one_of(const std::string& token, std::initializer_list<const char*> list) {
  return std::any_of(list.begin(), list.end(), [&](const char* item) { return token == item; });
}

struct Failed {};  // thrown inside the parser only

Expression make(Kind kind, std::vector<Expression> parts, std::string name = "") {
  return {.kind = kind, .name = std::move(name), .parts = std::move(parts)};
}
Expression number(const std::string& digits) { return make(Kind::kNumber, {}, digits); }

class Parser {
 public:
  explicit Parser(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  Expression whole() {
    Expression result = sum();
    if (at_ != tokens_.size()) { throw Failed(); }
    return result;
  }

 private:
  // Counts how deep the parser is in itself.
  struct Depth {
    explicit Depth(int& count) : count_(count) {
      if (++count_ > kDeepest) { throw Failed(); }
    }
    ~Depth() { --count_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    int& count_;
  };

  const std::string& peek(std::size_t ahead = 0) const {
    static const std::string kEnd;
    return at_ + ahead < tokens_.size() ? tokens_[at_ + ahead] : kEnd;
  }
  std::string next() {
    if (at_ == tokens_.size()) { throw Failed(); }
    return tokens_[at_++];
  }
  bool take(const char* token) {
    if (peek() != token) { return false; }
    ++at_;
    return true;
  }
  void expect(const char* token) {
    if (!take(token)) { throw Failed(); }
  }

  Expression sum() {
    const Depth depth(depth_);
    Expression left = signed_product();
    while (is_one_of(peek(), {"+", "-", "\\pm", "\\mp"})) {
      const std::string sign = next();
      Expression right = signed_product();
      const Kind kind = sign == "+" ? Kind::kAdd : sign == "-" ? Kind::kSubtract : Kind::kPlusMinus;
      left = make(kind, {std::move(left), std::move(right)});
    }
    return left;
  }

  Expression signed_product() {
    if (take("+")) { return signed_product(); }
    if (take("-")) { return make(Kind::kNegate, {signed_product()}); }
    if (take("\\pm") || take("\\mp")) { return make(Kind::kPlusMinus, {number("0"), product()}); }
    return product();
  }

  static bool ends_product(const std::string& token) {
    return token.empty() ||
           is_one_of(token,
                     {"+", "-", ")", "]",    "}",    ",",        "=",        "<",       ">",   "&",
                      ";", ":", "|", "\\pm", "\\mp", "\\rangle", "\\rfloor", "\\rceil", "\\}", "\\mid"});
  }

  Expression product() {
    const bool is_plain = !peek().empty() && (is_digit(peek()[0]) || peek()[0] == '.');
    Expression left = power();
    bool mixed = is_plain && left.kind == Kind::kNumber && left.name.find('.') == std::string::npos;
    while (true) {
      const std::string token = peek();
      if (is_one_of(token, {"\\cdot", "\\times", "*", "\\ast"})) {
        ++at_;
        left = make(Kind::kMultiply, {std::move(left), factor()});
      } else if (is_one_of(token, {"/", "\\div"})) {
        ++at_;
        left = make(Kind::kDivide, {std::move(left), factor()});
      } else if (is_one_of(token, {"%", "\\%"})) {
        ++at_;
        left = make(Kind::kPercent, {std::move(left)});
      } else if (ends_product(token) && !(token == "|" && bars_ % 2 == 0)) {
        return left;
      } else {
        left = implied_product(std::move(left), mixed && token == "\\frac");
      }
      mixed = false;
    }
  }

  // Two factors without a sign between them; a whole number and a fraction of whole numbers is a mixed number.
  Expression implied_product(Expression left, bool mixed) {
    Expression right = power();
    const auto is_whole = [](const Expression& part) { return part.kind == Kind::kNumber; };
    if (mixed && right.kind == Kind::kDivide && is_whole(right.parts[0]) && is_whole(right.parts[1])) {
      return make(Kind::kAdd, {std::move(left), std::move(right)});
    }
    // "3 4": two numbers, not their product.
    if (left.kind == Kind::kNumber && right.kind == Kind::kNumber) { throw Failed(); }
    return make(Kind::kMultiply, {std::move(left), std::move(right)});
  }

  Expression factor() {
    if (take("-")) { return make(Kind::kNegate, {factor()}); }
    if (take("+")) { return factor(); }
    return power();
  }

  Expression power() {
    const Depth depth(depth_);
    Expression base = atom();
    while (true) {
      if (take("!")) {
        base = make(Kind::kFactorial, {std::move(base)});
      } else if (take("^")) {
        if (peek() == "{" && peek(1) == "\\prime") { throw Failed(); }
        const bool negative = take("-");
        Expression exponent = argument();
        if (negative) { exponent = make(Kind::kNegate, {std::move(exponent)}); }
        base = make(Kind::kPower, {std::move(base), std::move(exponent)});
      } else if (take("_")) {
        base = subscripted(std::move(base));
      } else {
        return base;
      }
    }
  }

  // x_1 is a name; 101_2 has a base.
  Expression subscripted(Expression base) {
    if (base.kind == Kind::kSymbol) {
      std::string name;
      if (take("{")) {
        while (peek() != "}") { name += next(); }
        expect("}");
      } else {
        name = next();
      }
      base.name += "_" + name;
      return base;
    }
    if (base.kind != Kind::kNumber) { throw Failed(); }
    return make(Kind::kInBase, {std::move(base), argument()});
  }

  Expression group(const char* close) {
    Expression inner = sum();
    expect(close);
    return inner;
  }

  // {...}, or one token: a digit of a number, as TeX reads \frac12.
  Expression argument() {
    if (take("{")) { return group("}"); }
    const std::string& token = peek();
    if (token.size() > 1 && is_digit(token[0])) {
      const std::string digit = token.substr(0, 1);
      tokens_[at_].erase(0, 1);
      return number(digit);
    }
    return atom();
  }

  Expression atom() {
    const Depth depth(depth_);
    const std::string token = next();
    if (is_digit(token[0]) || (token[0] == '.' && token.size() > 1)) { return number(token); }
    if (token == "{") { return group("}"); }
    if (token == "(") { return group(")"); }
    if (token == "[") { return group("]"); }
    if (token == "|" || token == "\\vert") { return bars(token.c_str()); }
    if (token == "\\lvert") { return make(Kind::kAbsolute, {group("\\rvert")}); }
    if (token == "\\lfloor") { return make(Kind::kFunction, {group("\\rfloor")}, "floor"); }
    if (token == "\\lceil") { return make(Kind::kFunction, {group("\\rceil")}, "ceil"); }
    if (is_one_of(token, {"\\frac", "\\dfrac", "\\tfrac", "\\cfrac"})) {
      return two_arguments(Kind::kDivide);
    }
    if (is_one_of(token, {"\\binom", "\\dbinom", "\\tbinom"})) { return two_arguments(Kind::kBinomial); }
    if (token == "\\sqrt") { return root(); }
    if (token[0] == '\\') { return command(token.substr(1)); }
    if (!is_letter(token[0])) { throw Failed(); }
    if (token == "e" || token == "i") { return make(Kind::kConstant, {}, token); }
    return make(Kind::kSymbol, {}, token);
  }

  Expression bars(const char* close) {
    ++bars_;
    Expression inner = sum();
    expect(close);
    --bars_;
    return make(Kind::kAbsolute, {std::move(inner)});
  }

  Expression two_arguments(Kind kind) {
    Expression first = argument();
    Expression second = argument();
    return make(kind, {std::move(first), std::move(second)});
  }

  Expression root() {
    std::string degree = "2";
    Expression degree_of = number(degree);
    if (take("[")) {
      degree = peek();
      degree_of = group("]");
    }
    Expression out =
        make(Kind::kPower, {argument(), make(Kind::kDivide, {number("1"), std::move(degree_of)})});
    out.root_of_odd = degree.size() < 4 && is_digit(degree.back()) && (degree.back() - '0') % 2 == 1;
    return out;
  }

  Expression command(const std::string& name) {
    if (name == "pi") { return make(Kind::kConstant, {}, "pi"); }
    if (name == "infty") { return make(Kind::kConstant, {}, "inf"); }
    if (name == "imath") { return make(Kind::kConstant, {}, "i"); }
    if (is_one_of(name, {"sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh",
                         "cosh", "tanh", "ln", "exp", "log"})) {
      return function(name);
    }
    if (is_one_of(name,
                  {"alpha", "beta",  "gamma", "delta", "epsilon", "varepsilon", "theta",  "lambda", "mu",
                   "nu",    "xi",    "rho",   "sigma", "tau",     "phi",        "varphi", "chi",    "psi",
                   "omega", "Omega", "Delta", "Gamma", "Theta",   "zeta",       "eta",    "kappa",  "ell"})) {
      return make(Kind::kSymbol, {}, name);
    }
    throw Failed();
  }

  // \sin x, \sin^2 x, \sin(2x), \log_2 8
  Expression function(const std::string& name) {
    std::optional<Expression> exponent, base;
    for (int i = 0; i < 2; ++i) {
      if (take("^")) {
        const bool negative = take("-");
        exponent = argument();
        if (negative) { exponent = make(Kind::kNegate, {std::move(*exponent)}); }
      } else if (name == "log" && take("_")) {
        base = argument();
      }
    }
    Expression inner = function_argument();
    Expression out = base ? make(Kind::kFunction, {std::move(*base), std::move(inner)}, "log_base")
                          : make(Kind::kFunction, {std::move(inner)}, name);
    return exponent ? make(Kind::kPower, {std::move(out), std::move(*exponent)}) : out;
  }

  // Without brackets: factors up to the next sign or function, so that \sin 2x is the sine of 2x.
  Expression function_argument() {
    const bool bracket = is_one_of(peek(), {"(", "{", "[", "|"});
    Expression inner = power();
    if (bracket) { return inner; }
    while (!peek().empty() &&
           (is_letter(peek()[0]) || is_digit(peek()[0]) || peek() == "\\pi" || peek() == "\\theta")) {
      inner = make(Kind::kMultiply, {std::move(inner), power()});
    }
    if (take("/")) { inner = make(Kind::kDivide, {std::move(inner), power()}); }
    return inner;
  }

  std::vector<std::string> tokens_;
  std::size_t at_ = 0;
  int depth_ = 0, bars_ = 0;
};

}  // namespace

std::set<std::string> Expression::symbols() const {
  std::set<std::string> out;
  if (kind == Kind::kSymbol) { out.insert(name); }
  for (const Expression& part : parts) { out.merge(part.symbols()); }
  return out;
}

bool Expression::has(Kind wanted) const {
  return kind == wanted ||
         std::any_of(parts.begin(), parts.end(), [&](const Expression& part) { return part.has(wanted); });
}

std::optional<Expression> parse_expression(std::string_view text) {
  std::optional<std::vector<std::string>> tokens = tokens_of(text);
  if (!tokens || tokens->empty()) { return std::nullopt; }
  try {
    return Parser(std::move(*tokens)).whole();
  } catch (const Failed&) { return std::nullopt; }
}

std::vector<Expression> without_plus_minus(const Expression& expression) {
  std::vector<Expression> done, open = {expression};
  while (!open.empty()) {
    Expression here = std::move(open.back());
    open.pop_back();
    if (!here.has(Kind::kPlusMinus)) {
      done.push_back(std::move(here));
      continue;
    }
    if (done.size() + open.size() >= 8) { return {}; }
    Expression other = here;
    const auto settle = [](Expression& tree, Kind sign) {
      Expression* at = &tree;
      while (at->kind != Kind::kPlusMinus) {
        at = &*std::find_if(at->parts.begin(), at->parts.end(),
                            [](const Expression& part) { return part.has(Kind::kPlusMinus); });
      }
      at->kind = sign;
    };
    settle(here, Kind::kAdd);
    settle(other, Kind::kSubtract);
    open.push_back(std::move(other));
    open.push_back(std::move(here));
  }
  return done;
}

}  // namespace una::reward::math
