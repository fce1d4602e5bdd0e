#pragma once

#include <cstdint>
#include <vector>

#include "una/core/example.h"

// Weighted mixtures. Of source i, whose weight is w_i and which has n_i rows, an epoch holds
//   k_i = round(w_i / sum(w) N)   rows,   N = min_i(n_i sum(w) / w_i),
// the largest mixture in which no row occurs twice. The same rows in every epoch.
namespace una::rows {

// k_i for rows `have` and weights above 0. `most` > 0 caps N. A small weight may get no row.
std::vector<std::int64_t> mixture_counts(const std::vector<std::int64_t>& have,
                                         const std::vector<double>& weights, std::int64_t most);

// A number drawn for (seed, prompt or group_id): rows whose numbers come first are used, so answers to one
// prompt stay together (the last prompt may be cut), and neither the order of the file nor its other rows
// decide.
std::uint64_t draw_of(const Example& example, std::uint64_t seed);

// Marks the `count` rows with the smallest numbers; of equal ones the first.
std::vector<bool> first_drawn(const std::vector<std::uint64_t>& draws, std::int64_t count);

}  // namespace una::rows
