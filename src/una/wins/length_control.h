#pragma once

#include <vector>

namespace una::wins {

// The win rate that answers of equal length would have: AlpacaEval 2's logistic model in its smallest form,
// share ~ sigmoid(a + b tanh(d / s)) with d the difference in characters and s its standard deviation, read at d = 0.
// AlpacaEval's own figure also has a difficulty of each of its prompts, so the two are not the same number.
// Ridge 1e-3 on b keeps it finite where length separates wins from defeats; a is not held. `shares` in [0, 1], one a
// prompt, with `differences`. Equal lengths throughout give the plain mean. InternalError on lists of other sizes or none.
double length_controlled_rate(const std::vector<double>& shares, const std::vector<double>& differences);

}  // namespace una::wins
