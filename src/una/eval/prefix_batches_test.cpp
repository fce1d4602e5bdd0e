#include "una/eval/prefix_batches.h"

#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include "una/core/model_spec.h"
#include "una/data/pack.h"
#include "una/model/model.h"

namespace una::eval {
namespace {

std::vector<std::int32_t> joined(std::initializer_list<std::vector<std::int32_t>> parts) {
  std::vector<std::int32_t> out;
  for (const auto& part : parts) { out.insert(out.end(), part.begin(), part.end()); }
  return out;
}

// Two questions behind one few-shot text, three choices each: one is a beginning of another, two share a token.
std::vector<ScoredIds> questions() {
  const std::vector<std::int32_t> shots = {1, 5, 9, 3, 7, 2, 11}, one = {4, 4, 8}, two = {4, 6};
  std::vector<ScoredIds> list;
  for (const auto& question : {one, two}) {
    list.push_back({joined({shots, question, {12, 13}}), 2});
    list.push_back({joined({shots, question, {12, 14}}), 2});
    list.push_back({joined({shots, question, {12, 14, 15}}), 3});
  }
  list.push_back({{20, 21}, 1});
  return list;
}

TEST(PrefixBatches, WhatSequencesShareStandsOnce) {
  const std::vector<PrefixBatch> batches = pack_prefixes(questions(), 1000);
  ASSERT_EQ(batches.size(), 1U);
  // 7 shots, then 4, then {4, 8} and {6}; each question has 12 once and, for its longest choice, 14; and 20.
  EXPECT_EQ(batches[0].batch.num_tokens(), 7 + 1 + 2 + 1 + 2 * 2 + 1);
  EXPECT_EQ(batches[0].batch.num_logps(), 2 * 7 + 1);
  for (const Segment& segment : batches[0].batch.segments) {
    EXPECT_EQ(segment.keys.back().begin, segment.query_begin);
    EXPECT_EQ(segment.keys.back().end, segment.query_end);
  }
}

TEST(PrefixBatches, ABudgetCutsBatchesAndEverySequenceIsInOne) {
  const std::vector<ScoredIds> list = questions();
  const std::vector<PrefixBatch> batches = pack_prefixes(list, 12);
  EXPECT_GT(batches.size(), 1U);
  std::vector<int> seen(list.size(), 0);
  for (const PrefixBatch& batch : batches) {
    EXPECT_LE(batch.batch.num_tokens(), 12);
    for (const std::size_t member : batch.members) { ++seen[member]; }
  }
  EXPECT_EQ(seen, std::vector<int>(list.size(), 1));
}

TEST(PrefixBatches, LogProbsAreThoseOfEachSequenceAlone) {
  ModelSpec spec;
  spec.model_type = "llama";
  spec.vocab_size = 32, spec.hidden_size = 16, spec.num_layers = 2, spec.num_heads = 2, spec.num_kv_heads = 1;
  spec.head_dim = 8, spec.intermediate_size = 24, spec.max_positions = 64;
  model::Model model(spec, 7, {});
  const std::vector<ScoredIds> list = questions();
  for (const std::int64_t budget : {1000, 12}) {
    for (const PrefixBatch& batch : pack_prefixes(list, budget)) {
      const std::vector<double> sums = summed_logps({&model}, batch.batch);
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const ScoredIds& alone = list[batch.members[i]];
        Row row;
        Sequence sequence;
        sequence.ids = alone.ids;
        sequence.loss_mask.assign(alone.ids.size(), 0);
        std::fill(sequence.loss_mask.end() - alone.scored, sequence.loss_mask.end(), 1);
        row.sequences.push_back(std::move(sequence));
        const PackedBatch plain = data::pack_rows({row}, {}).front();
        EXPECT_NEAR(sums[i], summed_logps({&model}, plain).front(), 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace una::eval
