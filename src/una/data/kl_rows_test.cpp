#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "una/data/pack.h"

namespace una::data {
namespace {

using Ids = std::vector<std::int64_t>;

Row binary(std::int32_t prompt, std::int32_t answer) {
  Row row;
  row.unit = Unit::kBinary;
  row.where = {"rows.jsonl", answer};
  Sequence sequence;
  sequence.ids = {prompt, prompt, answer, answer + 1};
  sequence.loss_mask = {0, 0, 1, 1};
  row.sequences.push_back(sequence);
  return row;
}

struct Mixed {
  std::int64_t prompt, answer;
};

std::vector<Mixed> mixed(const std::vector<Row>& rows, PackOptions options = {}) {
  std::vector<Mixed> out;
  for (const PackedBatch& batch : pack_kl_rows(rows, options)) {
    const std::int64_t* tokens = batch.tokens.const_data_ptr<std::int64_t>();
    const std::int64_t* targets = batch.logp_targets.const_data_ptr<std::int64_t>();
    std::int64_t at = 0;
    for (const SequenceMeta& meta : batch.sequences) {
      out.push_back({tokens[at], targets[meta.logp_begin]});
      at += meta.tokens;
    }
  }
  return out;
}

TEST(KlRows, EveryAnswerMeetsAnotherPromptOnce) {
  // Prompt 1 has three answers of eight: 8 >= 2 * 3, so none is left out.
  std::map<std::int64_t, std::int64_t> own;
  std::vector<Row> rows;
  const std::int32_t prompts[] = {1, 2, 1, 3, 4, 1, 5, 5};
  for (std::int32_t i = 0; i < 8; ++i) {
    rows.push_back(binary(prompts[i], 100 + 10 * i));
    own[100 + 10 * i] = prompts[i];
  }
  const std::vector<Mixed> pairs = mixed(rows);
  ASSERT_EQ(pairs.size(), 8U);
  std::map<std::int64_t, int> uses;
  for (const Mixed& pair : pairs) {
    EXPECT_NE(own.at(pair.answer), pair.prompt);
    ++uses[pair.answer];
  }
  EXPECT_EQ(uses.size(), 8U);
}

TEST(KlRows, ThePairingDoesNotDependOnTheOrderOfTheRows) {
  std::vector<Row> rows;
  for (std::int32_t i = 0; i < 9; ++i) { rows.push_back(binary(i % 4, 100 + 10 * i)); }
  const auto as_set = [](const std::vector<Mixed>& pairs) {
    std::vector<std::pair<std::int64_t, std::int64_t>> out;
    for (const Mixed& pair : pairs) { out.emplace_back(pair.prompt, pair.answer); }
    std::sort(out.begin(), out.end());
    return out;
  };
  const auto forward = as_set(mixed(rows));
  std::reverse(rows.begin(), rows.end());
  EXPECT_EQ(as_set(mixed(rows)), forward);
}

TEST(KlRows, WhenOnePromptHoldsMoreThanHalfItsOwnMeetingsAreLeftOut) {
  const std::vector<Row> rows = {binary(1, 100), binary(1, 110), binary(1, 120), binary(2, 130)};
  for (const Mixed& pair : mixed(rows)) { EXPECT_NE(pair.prompt == 1, pair.answer < 130); }
  EXPECT_EQ(mixed(rows).size(), 2U);
  EXPECT_TRUE(mixed({binary(1, 100), binary(1, 110)}).empty());
  EXPECT_TRUE(mixed({binary(1, 100)}).empty());
  EXPECT_TRUE(mixed({}).empty());
}

TEST(KlRows, EmptyAnswersAreLeftOut) {
  Row empty = binary(3, 140);
  empty.sequences[0].loss_mask = {0, 0, 0, 0};
  EXPECT_EQ(mixed({binary(1, 100), binary(2, 110), empty}).size(), 2U);
}

TEST(KlRows, ALimitCutsTheAnswer) {
  PackOptions options;
  options.kl_max_length = 3;
  for (const PackedBatch& batch : pack_kl_rows({binary(1, 100), binary(2, 110)}, options)) {
    for (const SequenceMeta& meta : batch.sequences) { EXPECT_EQ(meta.tokens, 3); }
  }
  options.kl_max_length = 2;
  EXPECT_TRUE(pack_kl_rows({binary(1, 100), binary(2, 110)}, options).empty());
}

}  // namespace
}  // namespace una::data
