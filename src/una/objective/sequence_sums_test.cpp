#include "una/objective/sequence_sums.h"

#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/objective/rows.h"
#include "una/objective/testing.h"

namespace una::objective {
namespace {

std::vector<SequenceMeta> ranges(const std::vector<std::pair<std::int64_t, std::int64_t>>& parts) {
  std::vector<SequenceMeta> out;
  for (const auto& [begin, end] : parts) {
    SequenceMeta meta;
    meta.logp_begin = begin;
    meta.logp_end = end;
    out.push_back(meta);
  }
  return out;
}

at::Tensor floats(const std::vector<float>& values) { return at::tensor(values); }

TEST(SequenceSums, AddsEachAnswersOwnEntries) {
  const auto sums = host_values(sequence_sums(floats({1, 2, 4, 8, 16}), ranges({{0, 2}, {2, 2}, {2, 5}})));
  EXPECT_EQ(sums, (std::vector<double>{3, 0, 28}));
}

TEST(SequenceSums, EntriesWithoutAnAnswerAreLeftOut) {
  const auto sums = host_values(sequence_sums(floats({1, 2, 4, 8}), ranges({{2, 3}, {0, 1}})));
  EXPECT_EQ(sums, (std::vector<double>{4, 1}));
}

TEST(SequenceSums, ASmallAnswerBehindALargeOneKeepsItsDigits) {
  const at::Tensor values = at::tensor({1e15, 0.1, 0.2}, at::TensorOptions().dtype(at::kDouble));
  EXPECT_DOUBLE_EQ(host_values(sequence_sums(values, ranges({{0, 1}, {1, 3}})))[1], 0.1 + 0.2);
}

TEST(SequenceSums, BrokenRangesAreRefused) {
  EXPECT_THROW(sequence_sums(floats({1, 2}), ranges({{0, 3}})), InternalError);
  EXPECT_THROW(sequence_sums(floats({1, 2}), ranges({{0, 2}, {1, 2}})), InternalError);
  EXPECT_THROW(sequence_sums(floats({1, 2}), ranges({{-1, 1}})), InternalError);
}

TEST(SequenceSums, DeltaIsPolicyMinusReferenceInDoublePrecision) {
  testing::Batch batch = testing::pairs_a();
  ObjectiveInput input = batch.input();
  const LogRatios ratios = log_ratios(input, true);
  const std::vector<double> expected = {0, 0, .1, -9.9, -.9, -20.9};
  for (std::size_t s = 0; s < 6; ++s) {
    EXPECT_NEAR(host_values(ratios.delta)[s], expected[s], 1e-12);
    EXPECT_NEAR(host_values(ratios.reference)[s], testing::inputs_a()[s].ref, 1e-12);
  }
  input.ref_logp = at::Tensor();
  EXPECT_THROW(log_ratios(input, true), InternalError);
  EXPECT_NEAR(host_values(log_ratios(input, false).delta)[3], -30, 1e-12);
}

TEST(SequenceSums, RowsEndWhereTheNextSlotZeroStands) {
  testing::Batch batch;
  batch.add_pair({-1, -1}, {-2, -2});
  batch.add(Unit::kGroup, 0, {}, .1);
  batch.add(Unit::kGroup, 1, {}, .2);
  batch.add(Unit::kGroup, 2, {}, .3);
  batch.add(Unit::kScore, 0, {}, .5);
  // Two micro-batches in one table: their row numbers restart.
  testing::Batch next;
  next.add(Unit::kScore, 0, {}, .5);
  batch.sequences.back().row = 0;
  batch.sequences.push_back(next.sequences[0]);
  const auto rows = row_spans(batch.sequences);
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_EQ(rows[1].first, 2);
  EXPECT_EQ(rows[1].size, 3);
  EXPECT_EQ(count_rows(batch.sequences, Unit::kScore), 2);
  EXPECT_EQ(count_rows(batch.sequences, Unit::kPair), 1);
}

TEST(SequenceSums, SplitRowsAreRefused) {
  testing::Batch pair;
  pair.add_pair({}, {});
  auto half = pair.sequences;
  half.pop_back();
  EXPECT_THROW(row_spans(half), InternalError);
  auto swapped = pair.sequences;
  std::swap(swapped[0], swapped[1]);
  EXPECT_THROW(row_spans(swapped), InternalError);
  testing::Batch lone;
  lone.add(Unit::kGroup, 0, {}, .5);
  EXPECT_THROW(row_spans(lone.sequences), InternalError);
  testing::Batch prompt;
  prompt.add(Unit::kPrompt, 0, {}, 0);
  EXPECT_THROW(row_spans(prompt.sequences), InternalError);
}

}  // namespace
}  // namespace una::objective
