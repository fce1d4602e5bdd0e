#include <algorithm>
#include <cctype>

#include "una/demo/arithmetic/arithmetic.h"

namespace una::demo::arithmetic {
namespace {

constexpr int kMostDigits = 6;

// A number, or a mark: any other byte, and what is too long for a number ('#').
struct Token {
  bool is_number = false;
  int number = 0;
  char mark = 0;
};

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> out;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c < '0' || c > '9') {
      if (std::isspace(static_cast<unsigned char>(c)) == 0) { out.push_back({.mark = c}); }
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.find_first_not_of("0123456789", at), text.size());
    if (end - at > kMostDigits) {
      out.push_back({.mark = '#'});
    } else {
      out.push_back({.is_number = true, .number = std::stoi(std::string(text.substr(at, end - at)))});
    }
    at = end;
  }
  return out;
}

// A number with a minus that is not a difference's.
bool is_negative(const std::vector<Token>& tokens, std::size_t at) {
  return at > 0 && tokens[at - 1].mark == '-' && (at == 1 || !tokens[at - 2].is_number);
}

// a + b = c at a place of the tokens.
bool is_step_at(const std::vector<Token>& tokens, std::size_t at) {
  return at + 4 < tokens.size() && tokens[at].is_number && !is_negative(tokens, at) &&
         (tokens[at + 1].mark == '+' || tokens[at + 1].mark == '-') && tokens[at + 2].is_number &&
         tokens[at + 3].mark == '=' && tokens[at + 4].is_number;
}

// Follows an answer's steps through the problem's.
class Marker {
 public:
  explicit Marker(const Problem& problem)
      : problem_(problem), values_(problem.values()), last_(problem.first) {}

  void see(int left, const Step& step, int result) {
    ++written_;
    if (result == (step.sign == '+' ? left + step.number : left - step.number)) { match(left, step); }
    last_ = result;
  }
  int right() const { return right_; }
  int written() const { return written_; }

 private:
  void match(int left, const Step& step) {
    for (std::size_t i = next_; i < problem_.steps.size(); ++i) {
      const int before = i == 0 ? problem_.first : values_[i - 1];
      if (problem_.steps[i] == step && (left == before || left == last_)) {
        next_ = i + 1;
        ++right_;
        return;
      }
    }
  }

  const Problem& problem_;
  std::vector<int> values_;
  int last_ = 0;  // the result written last, before any the first number
  std::size_t next_ = 0;
  int right_ = 0, written_ = 0;
};

}  // namespace

Marks mark(const Problem& problem, std::string_view answer) {
  const std::vector<Token> tokens = tokens_of(answer);
  Marker marker(problem);
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    if (!is_step_at(tokens, at)) { continue; }
    marker.see(tokens[at].number, {.sign = tokens[at + 1].mark, .number = tokens[at + 2].number},
               tokens[at + 4].number);
    at += 3;  // the result may be the next step's first number
  }
  Marks out{.right_steps = marker.right(),
            .steps = std::max(static_cast<int>(problem.steps.size()), marker.written())};
  std::size_t last = tokens.size();
  while (last > 0 && !tokens[last - 1].is_number) { --last; }
  out.is_result_right = last > 0 && !is_negative(tokens, last - 1) && !problem.steps.empty() &&
                        tokens[last - 1].number == problem.values().back();
  return out;
}

double gold(const Marks& marks) {
  const double share = marks.steps > 0 ? static_cast<double>(marks.right_steps) / marks.steps : 0;
  return (3 * share + (marks.is_result_right ? 2 : 0)) / 5;
}

}  // namespace una::demo::arithmetic
