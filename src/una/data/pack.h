#pragma once

#include <cstdint>
#include <vector>

#include "una/core/packed_batch.h"
#include "una/core/step_batch.h"
#include "una/core/step_source.h"
#include "una/data/dataset.h"

namespace una::data {

// How the rows of a step are cut into micro-batches.
struct PackOptions {
  std::int64_t token_budget = 2048;  // of a micro-batch, after sharing; a row larger than it goes alone
  bool prefix_sharing = true;  // rows' responses share their common id prefix (at least `min_shared` tokens)
  std::int64_t min_shared = 16;
  std::int64_t kl_max_length = 0;  // longest mismatched sequence, the answer is cut to fit; 0: no limit
};

// Rows of one step, cut into micro-batches by the budget: sorted by length inside the step, rows never split.
std::vector<PackedBatch> pack_rows(const std::vector<Row>& rows, const PackOptions& options);

// What an objective may know of one row before any forward pass.
std::vector<SequenceMeta> table_of(const Row& row);

// KTO's mismatched rows for these rows: each answer with another row's prompt, never its own (objectives.md
// section 5); rows that would meet their own prompt, and empty answers, are left out.
std::vector<PackedBatch> pack_kl_rows(const std::vector<Row>& rows, const PackOptions& options);

// The training order: epoch after epoch of the seeded permutation, `rows_per_step` rows a step. The position
// is a raw row index, so resuming is O(1). The last step of an epoch may be short.
class StepStream final : public StepSource {
 public:
  StepStream(const Dataset& dataset, std::int64_t rows_per_step, std::uint64_t seed, bool shuffle,
             const PackOptions& pack, bool with_kl_rows);
  StepBatch next() override;
  std::int64_t steps_per_epoch() const override;
  RunPosition position() const override { return position_; }
  void seek(const RunPosition& position) override;
  std::int64_t shrink() override;

 private:
  const Dataset& dataset_;
  std::int64_t rows_per_step_;
  std::uint64_t seed_;
  bool shuffle_;
  PackOptions pack_;
  bool with_kl_rows_;
  RunPosition position_, given_;  // where the next step begins, and where the newest one began
};

}  // namespace una::data
