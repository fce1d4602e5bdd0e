#include "una/online/offline_rows.h"

#include <set>

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

namespace una::online {
namespace {

// Rows of two tokens; the first is the row's number.
std::unique_ptr<data::Dataset> numbered(std::int32_t count) {
  std::vector<Row> rows;
  for (std::int32_t i = 0; i < count; ++i) {
    Row row;
    row.unit = Unit::kSft;
    row.sequences.push_back({.ids = {i, 100}, .loss_mask = {0, 1}});
    rows.push_back(row);
  }
  return data::make_dataset(std::move(rows), {"numbered"});
}

std::multiset<std::int64_t> numbers(const std::vector<PackedBatch>& batches) {
  std::multiset<std::int64_t> out;
  for (const PackedBatch& batch : batches) {
    for (std::int64_t i = 0; i < batch.tokens.size(0); i += 2) {
      out.insert(batch.tokens[i].item<std::int64_t>());
    }
  }
  return out;
}

TEST(OfflineRows, EveryRowHasItsTurnBeforeOneComesAgain) {
  const auto data = numbered(7);
  const OfflineRows rows(*data, 3, 5, {});
  std::multiset<std::int64_t> seen;
  for (std::int64_t step = 1; step <= 7; ++step) { seen.merge(numbers(rows.of_step(step))); }
  for (std::int64_t i = 0; i < 7; ++i) { EXPECT_EQ(seen.count(i), 3U) << i; }
}

TEST(OfflineRows, TheStepAloneSaysWhichOnes) {
  const auto data = numbered(20);
  const OfflineRows rows(*data, 4, 5, {}), again(*data, 4, 5, {}), other(*data, 4, 6, {});
  rows.of_step(1);
  EXPECT_EQ(numbers(rows.of_step(3)), numbers(again.of_step(3)));
  EXPECT_NE(numbers(rows.of_step(3)), numbers(rows.of_step(4)));
  EXPECT_NE(numbers(rows.of_step(3)), numbers(other.of_step(3)));
}

}  // namespace
}  // namespace una::online
