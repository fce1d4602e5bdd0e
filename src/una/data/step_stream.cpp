#include <algorithm>

#include "una/base/error.h"
#include "una/base/rng.h"
#include "una/data/pack.h"

namespace una::data {

StepStream::StepStream(const Dataset& dataset, std::int64_t rows_per_step, std::uint64_t seed, bool shuffle,
                       const PackOptions& pack, bool with_kl_rows)
    : dataset_(dataset),
      rows_per_step_(rows_per_step),
      seed_(seed),
      shuffle_(shuffle),
      pack_(pack),
      with_kl_rows_(with_kl_rows) {
  check(rows_per_step > 0, "StepStream: rows_per_step must be at least 1");
  check_input(dataset.size() > 0, "the data set has no rows to train on");
}

std::int64_t StepStream::steps_per_epoch() const {
  return (dataset_.size() + rows_per_step_ - 1) / rows_per_step_;
}

void StepStream::seek(const RunPosition& position) {
  check_input(
      position.step >= 0 && position.epoch >= 0 && position.row >= 0 && position.row <= dataset_.size(),
      "the position to resume at is outside the data set: it was written for other rows");
  position_ = position;
  if (position_.row == dataset_.size()) { position_ = {position.step, position.epoch + 1, 0}; }
}

std::int64_t StepStream::shrink() {
  constexpr std::int64_t kLeast = 64;  // longer rows go alone, and nothing smaller would help them
  if (pack_.token_budget <= kLeast) { return 0; }
  pack_.token_budget /= 2;
  position_ = given_;
  return pack_.token_budget;
}

StepBatch StepStream::next() {
  given_ = position_;
  const auto size = static_cast<std::uint64_t>(dataset_.size());
  const Permutation order(size, seed_, static_cast<std::uint64_t>(position_.epoch));
  const std::int64_t end = std::min(position_.row + rows_per_step_, dataset_.size());
  StepBatch step;
  std::vector<Row> rows;
  for (std::int64_t i = position_.row; i < end; ++i) {
    const std::int64_t index = shuffle_ ? static_cast<std::int64_t>(order(static_cast<std::uint64_t>(i))) : i;
    rows.push_back(dataset_.row(index));
    step.tokens += rows.back().tokens();
  }
  step.rows = std::ssize(rows);
  step.micro_batches = pack_rows(rows, pack_);
  if (with_kl_rows_) { step.kl = pack_kl_rows(rows, pack_); }
  seek({position_.step + 1, position_.epoch, end});
  return step;
}

}  // namespace una::data
