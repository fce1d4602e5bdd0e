// Verdicts of una's mathematics for tests/parity/math_parity.py: lines of {"right", "answer", "mode"} in, 0 or 1 a line out.
// mode "answer": same_answer; "solution": same_solution; "minerva": same_by_minerva.
#include <cstdio>
#include <iostream>
#include <string>

#include "una/base/json.h"
#include "una/reward/math/answer.h"
#include "una/reward/math/find_answer.h"
#include "una/reward/math/minerva.h"

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const una::Json row = una::Json::parse(line);
    const auto right = row.at("right").get<std::string>(), answer = row.at("answer").get<std::string>();
    const auto mode = row.at("mode").get<std::string>();
    const bool same = mode == "answer"     ? una::reward::math::same_answer(right, answer)
                      : mode == "solution" ? una::reward::math::same_solution(right, answer)
                                           : una::reward::math::same_by_minerva(right, answer);
    std::printf("%d\n", same ? 1 : 0);
  }
  return 0;
}
