#pragma once

#include "una/core/model_spec.h"
#include "una/core/sequence.h"
#include "una/core/tiny_spec_testing.h"

namespace una::train::testing {

// A two-layer Llama that trains in milliseconds.
inline ModelSpec tiny_spec() {
  ModelSpec spec = una::tiny_spec(
      {.hidden = 32, .intermediate = 48, .head_dim = 8, .vocabulary = 50, .initializer_range = 0.02});
  spec.torch_dtype = "float32";
  return spec;
}

inline Sequence tiny_sequence(std::int32_t first, int prompt, int answer, double target) {
  Sequence sequence;
  for (int i = 0; i < prompt + answer; ++i) {
    sequence.ids.push_back((first * 7 + i * (i < prompt ? 3 : first + 5)) % 50);
    sequence.loss_mask.push_back(i < prompt ? 0 : 1);
  }
  sequence.target = target;
  return sequence;
}

// `n` rows: a pair, a thumb and a score in turn.
inline std::vector<Row> tiny_rows(int n) {
  std::vector<Row> rows;
  for (int i = 0; i < n; ++i) {
    Row row;
    row.where = {"tiny.jsonl", i + 1};
    row.index = i;
    row.group_id = static_cast<std::uint64_t>(i);
    row.unit = i % 3 == 0 ? Unit::kPair : i % 3 == 1 ? Unit::kBinary : Unit::kScore;
    row.sequences.push_back(tiny_sequence(i + 1, 4, 3 + i % 4, i % 3 == 2 ? 0.7 : 1));
    if (row.unit == Unit::kPair) {
      Sequence rejected = tiny_sequence(i + 1, 4, 5, 0);
      for (std::size_t t = 4; t < rejected.ids.size(); ++t) { rejected.ids[t] = (rejected.ids[t] + 11) % 50; }
      row.sequences.push_back(rejected);
    }
    rows.push_back(row);
  }
  return rows;
}

}  // namespace una::train::testing
