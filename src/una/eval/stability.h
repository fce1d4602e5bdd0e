#pragma once

#include <optional>
#include <utility>
#include <vector>

namespace una::eval {

// How unsteady a logged loss is: its variance about the straight line through it (what training itself lowers is not
// noise), and the same over the square of its range, which has no unit. Losses of different kinds compare by the second
// alone, and only roughly: they are still different functions of the policy. Zeros for fewer than three values.
struct LossNoise {
  double variance = 0, relative = 0;
};
LossNoise loss_noise(const std::vector<double>& losses);

// The step at which a figure first reaches `share` of its last value, on the straight line between two measurements
// (step, figure) in the order of training, from (0, 0). nullopt where the last value is not above 0.
std::optional<double> steps_to_share(const std::vector<std::pair<double, double>>& curve, double share);

// What paired differences over seeds say of two methods. kEqual needs proof too: two one-sided t tests at 5 % against
// `margin` (TOST); neither different nor equal is kUndecided. `adjusted` is the p value of the difference after Holm's
// correction over all comparisons.
enum class Verdict { kAbove, kBelow, kEqual, kUndecided };
Verdict verdict_of(const std::vector<double>& differences, double adjusted, double margin);
const char* verdict_name(Verdict verdict);

}  // namespace una::eval
