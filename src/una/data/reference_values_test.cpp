#include <gtest/gtest.h>

#include "una/data/dataset.h"
#include "una/data/pack.h"

namespace una::data {
namespace {

Row row_of(Sampler sampler, const std::vector<double>& rewards) {
  Row row;
  row.unit = Unit::kScore;
  Sequence sequence;
  sequence.ids = {1, 2, 3};
  sequence.loss_mask = {0, 1, 1};
  sequence.sampler = sampler;
  sequence.ref_rewards = {rewards, rewards, false};
  row.sequences = {sequence};
  return row;
}

TEST(ReferenceValues, TheyReachTheTableOfABatch) {
  const Row row = row_of(Sampler::kPolicy, {.5, .25});
  for (const SequenceMeta& meta : {table_of(row).at(0), pack_rows({row}, {}).at(0).sequences.at(0)}) {
    EXPECT_EQ(meta.sampler, Sampler::kPolicy);
    EXPECT_EQ(meta.ref_rewards.raw, (std::vector<double>{.5, .25}));
    EXPECT_EQ(meta.loss_tokens(), 2);
  }
}

TEST(ReferenceValues, TheyAreContentOfTheDataSet) {
  const auto hash = [](Row row) { return make_dataset({std::move(row)}, {"s"})->content_hash(); };
  const std::string plain = hash(row_of(Sampler::kUnknown, {}));
  EXPECT_NE(hash(row_of(Sampler::kReference, {})), plain);
  EXPECT_NE(hash(row_of(Sampler::kUnknown, {1})), plain);
  EXPECT_NE(hash(row_of(Sampler::kUnknown, {1})), hash(row_of(Sampler::kUnknown, {2})));
}

}  // namespace
}  // namespace una::data
