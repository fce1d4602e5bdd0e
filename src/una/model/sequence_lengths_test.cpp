#include "una/model/sequence_lengths.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/model/fixtures_testing.h"

namespace una::model {
namespace {

using Lengths = std::vector<std::int64_t>;

TEST(SequenceLengths, SequencesOfTheirOwnHaveOneLength) {
  const TokenLengths lengths = packed_lengths({{0, 3, {{0, 3}}}, {3, 5, {{3, 5}}}}, 6);
  EXPECT_EQ(lengths.least, (Lengths{3, 3, 3, 2, 2, 0}));
  EXPECT_EQ(lengths.most, lengths.least);
}

TEST(SequenceLengths, ASharedPromptHasThoseOfItsAnswers) {
  const PackedBatch batch = pack_shared({1, 2}, {{3}, {4, 5, 6}, {7, 8}});
  const TokenLengths lengths = packed_lengths(batch.segments, 8);
  EXPECT_EQ(lengths.least, (Lengths{3, 3, 3, 5, 5, 5, 4, 4}));
  EXPECT_EQ(lengths.most, (Lengths{5, 5, 3, 5, 5, 5, 4, 4}));
}

// Prompt and first answer in one segment, the second answer after them.
TEST(SequenceLengths, AnAnswerMayStandInThePromptsSegment) {
  const TokenLengths lengths = packed_lengths({{0, 5, {{0, 5}}}, {5, 6, {{0, 2}, {5, 6}}}}, 6);
  EXPECT_EQ(lengths.least, (Lengths{3, 3, 5, 5, 5, 3}));
  EXPECT_EQ(lengths.most, (Lengths{5, 5, 5, 5, 5, 3}));
}

TEST(SequenceLengths, OverACacheTheSequenceSoFarCounts) {
  EXPECT_EQ(cached_lengths({{0, 3, {{90, 93}}}, {3, 4, {{90, 93}, {10, 15}}}}, 4), (Lengths{3, 3, 3, 8}));
}

TEST(SequenceLengths, UnsharingLaysEverySequenceOutWhole) {
  PackedBatch batch = pack_shared({1, 2}, {{3}, {4, 5, 6}});
  batch.sequences.resize(2);
  batch.sequences[0].logp_end = batch.sequences[1].logp_begin = 1;
  batch.sequences[1].logp_end = 4;
  at::Tensor states = at::tensor(Ids{1, 4});
  const PackedBatch whole = unshare(batch, states);
  EXPECT_EQ(ids_of(whole.tokens), (Ids{1, 2, 3, 1, 2, 4, 5, 6}));
  EXPECT_EQ(ids_of(whole.positions), (Ids{0, 1, 2, 0, 1, 2, 3, 4}));
  EXPECT_EQ(ids_of(whole.logp_rows), (Ids{1, 4, 5, 6}));
  EXPECT_EQ(ids_of(whole.logp_targets), (Ids{3, 4, 5, 6}));
  EXPECT_EQ(ids_of(whole.last_rows), (Ids{2, 7}));
  EXPECT_EQ(ids_of(states), (Ids{1, 6}));
  ASSERT_EQ(whole.segments.size(), 2U);
  EXPECT_EQ(whole.segments[1].query_begin, 3);
  EXPECT_EQ(whole.segments[1].keys[0].end, 8);
  batch.sequences.clear();
  EXPECT_THROW(unshare(batch, states), InternalError);
}

}  // namespace
}  // namespace una::model
