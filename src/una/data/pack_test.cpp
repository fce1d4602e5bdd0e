#include "una/data/pack.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/rng.h"

namespace una::data {
namespace {

// What a packed sequence means, read back from the tensors alone.
struct Unpacked {
  std::vector<std::int64_t> ids, positions;
  std::vector<std::vector<std::int64_t>> seen;  // of each token: the ids it may look at, in order
  std::vector<std::pair<std::int64_t, std::int64_t>> logps;  // position of the predicting token, target
};

const std::int64_t* data(const at::Tensor& tensor) { return tensor.const_data_ptr<std::int64_t>(); }

const Segment& segment_of(const PackedBatch& batch, std::int64_t token) {
  for (const Segment& segment : batch.segments) {
    if (token >= segment.query_begin && token < segment.query_end) { return segment; }
  }
  throw InternalError("a token outside all segments");
}

// Every key a query may see, by brute force over the contract of Segment.
std::vector<std::int64_t> keys_of(const PackedBatch& batch, std::int64_t query) {
  std::vector<std::int64_t> keys;
  for (const KeyRange& range : segment_of(batch, query).keys) {
    for (std::int64_t key = range.begin; key < range.end; ++key) {
      if (data(batch.positions)[key] <= data(batch.positions)[query]) { keys.push_back(key); }
    }
  }
  return keys;
}

Unpacked unpack(const PackedBatch& batch, std::size_t number) {
  Unpacked out;
  const std::int64_t last = data(batch.last_rows)[number];
  const std::vector<std::int64_t> tokens = keys_of(batch, last);  // the last token sees the whole sequence
  for (const std::int64_t token : tokens) {
    out.ids.push_back(data(batch.tokens)[token]);
    out.positions.push_back(data(batch.positions)[token]);
    std::vector<std::int64_t> seen;
    for (const std::int64_t key : keys_of(batch, token)) { seen.push_back(data(batch.tokens)[key]); }
    out.seen.push_back(std::move(seen));
  }
  const SequenceMeta& meta = batch.sequences[number];
  for (std::int64_t i = meta.logp_begin; i < meta.logp_end; ++i) {
    const std::int64_t row = data(batch.logp_rows)[i];
    EXPECT_NE(std::find(tokens.begin(), tokens.end(), row), tokens.end()) << "a foreign row predicts";
    out.logps.emplace_back(data(batch.positions)[row], data(batch.logp_targets)[i]);
  }
  return out;
}

void expect_equal(const Unpacked& packed, const Sequence& sequence) {
  ASSERT_EQ(packed.ids.size(), sequence.ids.size());
  std::size_t wanted = 0;
  for (std::size_t i = 0; i < sequence.ids.size(); ++i) {
    EXPECT_EQ(packed.ids[i], sequence.ids[i]);
    EXPECT_EQ(packed.positions[i], static_cast<std::int64_t>(i));
    const std::vector<std::int64_t> before(sequence.ids.begin(),
                                           sequence.ids.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    EXPECT_EQ(packed.seen[i], before) << "token " << i << " sees other keys than those before it";
    if (sequence.loss_mask[i] == 0) { continue; }
    ASSERT_LT(wanted, packed.logps.size());
    EXPECT_EQ(packed.logps[wanted].first, static_cast<std::int64_t>(i) - 1);
    EXPECT_EQ(packed.logps[wanted].second, sequence.ids[i]);
    ++wanted;
  }
  EXPECT_EQ(wanted, packed.logps.size());
}

Sequence sequence_of(const std::vector<std::int32_t>& prompt, std::size_t answer, Rng& rng,
                     std::uint64_t vocabulary) {
  Sequence out;
  out.ids = prompt;
  for (std::size_t i = 0; i < answer; ++i) {
    out.ids.push_back(static_cast<std::int32_t>(rng.below(vocabulary)));
  }
  out.loss_mask.assign(out.ids.size(), 1);
  std::fill_n(out.loss_mask.begin(), std::max<std::size_t>(prompt.size(), 1), std::uint8_t{0});
  return out;
}

// Rows of one to four answers; a small vocabulary makes answers share their beginning too.
std::vector<Row> random_rows(std::size_t count, std::uint64_t seed, std::uint64_t vocabulary) {
  Rng rng(seed, stream_id("pack_test"));
  std::vector<Row> rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::vector<std::int32_t> prompt(1 + rng.below(30));
    for (std::int32_t& id : prompt) { id = static_cast<std::int32_t>(rng.below(vocabulary)); }
    rows[i].index = static_cast<std::int64_t>(i);
    rows[i].where = {"rows.jsonl", static_cast<std::int64_t>(i) + 1};
    rows[i].unit = Unit::kGroup;
    rows[i].group_id = 1000 + i;
    const std::uint64_t answers = 1 + rng.below(4);
    for (std::uint64_t k = 0; k < answers; ++k) {
      rows[i].sequences.push_back(sequence_of(prompt, 1 + rng.below(12), rng, vocabulary));
      rows[i].sequences.back().target = static_cast<double>(k) / 10;
    }
  }
  return rows;
}

// Every row of `rows` is found once, whole, in its batch.
void expect_all_rows(const std::vector<PackedBatch>& batches, const std::vector<Row>& rows) {
  std::set<std::int64_t> found;
  for (const PackedBatch& batch : batches) {
    for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
      const SequenceMeta& meta = batch.sequences[s];
      const Where& where = batch.rows.at(static_cast<std::size_t>(meta.row));
      const Row& row = rows.at(static_cast<std::size_t>(where.line - 1));
      const Sequence& sequence = row.sequences.at(static_cast<std::size_t>(meta.slot));
      expect_equal(unpack(batch, s), sequence);
      EXPECT_EQ(meta.target, sequence.target);
      EXPECT_EQ(meta.tokens, std::ssize(sequence.ids));
      EXPECT_EQ(meta.group_id, row.group_id);
      if (meta.slot > 0) {
        EXPECT_EQ(batch.sequences[s - 1].row, meta.row);
        EXPECT_EQ(batch.sequences[s - 1].slot, meta.slot - 1);
        EXPECT_EQ(batch.sequences[s - 1].logp_end, meta.logp_begin);
      } else {
        EXPECT_TRUE(found.insert(where.line).second);
      }
    }
  }
  EXPECT_EQ(found.size(), rows.size());
}

TEST(Pack, UnpackedBatchesAreTheRowsWithAndWithoutSharing) {
  for (const std::uint64_t vocabulary : {2ULL, 1000ULL}) {
    const std::vector<Row> rows = random_rows(40, vocabulary, vocabulary);
    for (const bool sharing : {true, false}) {
      for (const std::int64_t min_shared : {1LL, 16LL}) {
        PackOptions options{.token_budget = 120, .prefix_sharing = sharing, .min_shared = min_shared};
        expect_all_rows(pack_rows(rows, options), rows);
      }
    }
  }
}

TEST(Pack, TheBudgetHoldsAfterSharingAndALargerRowGoesAlone) {
  const std::vector<Row> rows = random_rows(60, 5, 1000);
  PackOptions options{.token_budget = 40, .prefix_sharing = true, .min_shared = 1};
  std::int64_t alone = 0;
  for (const PackedBatch& batch : pack_rows(rows, options)) {
    if (batch.num_tokens() <= 40) { continue; }
    EXPECT_EQ(batch.rows.size(), 1U);
    ++alone;
  }
  EXPECT_GT(alone, 0);
}

TEST(Pack, SharingStoresThePromptOnce) {
  Rng rng(1, 2);
  Row row;
  const std::vector<std::int32_t> prompt(20, 7);
  row.sequences = {sequence_of(prompt, 3, rng, 5), sequence_of(prompt, 4, rng, 5)};
  row.sequences[0].ids[20] = 8;  // the answers differ at once
  row.sequences[1].ids[20] = 9;
  const std::vector<PackedBatch> shared = pack_rows({row}, {});
  EXPECT_EQ(shared[0].num_tokens(), 27);
  EXPECT_EQ(shared[0].unshared_tokens(), 47);
  ASSERT_EQ(shared[0].segments.size(), 3U);
  EXPECT_EQ(data(shared[0].logp_rows)[0], 19);  // both first tokens come from the prompt's last row
  EXPECT_EQ(data(shared[0].logp_rows)[3], 19);
  PackOptions options;
  options.min_shared = 21;
  EXPECT_EQ(pack_rows({row}, options)[0].num_tokens(), 47);
}

TEST(Pack, AnswersThatBeginAlikeShareNoMoreThanThePrompt) {
  Rng rng(1, 3);
  Row row;
  const std::vector<std::int32_t> prompt(16, 7);
  row.sequences = {sequence_of(prompt, 3, rng, 1),
                   sequence_of(prompt, 5, rng, 1)};  // answers 0 0 0 and 0 0 0 0 0
  row.where.line = 1;
  const PackedBatch batch = pack_rows({row}, {})[0];
  EXPECT_EQ(batch.num_tokens(), 16 + 3 + 5);
  expect_all_rows({batch}, {row});
}

TEST(Pack, PromptsWithoutAnswersKeepATokenOfTheirOwn) {
  Row row;
  row.unit = Unit::kPrompt;
  Sequence prompt;
  prompt.ids.assign(20, 3);
  prompt.loss_mask.assign(20, 0);
  row.sequences = {prompt, prompt};
  const PackedBatch batch = pack_rows({row}, {})[0];
  EXPECT_EQ(batch.num_logps(), 0);
  EXPECT_EQ(batch.num_tokens(), 19 + 2);
  EXPECT_NE(data(batch.last_rows)[0], data(batch.last_rows)[1]);
}

TEST(Pack, ColumnsOfOneValueAndOfOneAToken) {
  std::vector<Row> rows = random_rows(3, 9, 100);
  float next = 0;
  for (Row& row : rows) {
    for (Sequence& sequence : row.sequences) {
      sequence.columns["old_logp"].resize(static_cast<std::size_t>(sequence.loss_tokens()));
      for (float& value : sequence.columns["old_logp"]) { value = next++; }
      sequence.columns["ref_sum"] = {next++};
    }
  }
  const PackedBatch batch = pack_rows(rows, {})[0];
  EXPECT_EQ(batch.columns.at("old_logp").size(0), batch.num_logps());
  EXPECT_EQ(batch.columns.at("ref_sum").size(0), batch.num_sequences());
  for (std::size_t s = 0; s < batch.sequences.size(); ++s) {
    const SequenceMeta& meta = batch.sequences[s];
    const Row& row = rows[static_cast<std::size_t>(batch.rows[static_cast<std::size_t>(meta.row)].line - 1)];
    const Sequence& sequence = row.sequences[static_cast<std::size_t>(meta.slot)];
    const float* values = batch.columns.at("old_logp").const_data_ptr<float>();
    EXPECT_EQ(values[meta.logp_begin], sequence.columns.at("old_logp")[0]);
    EXPECT_EQ(values[meta.logp_end - 1], sequence.columns.at("old_logp").back());
    EXPECT_EQ(batch.columns.at("ref_sum").const_data_ptr<float>()[s], sequence.columns.at("ref_sum")[0]);
  }
  rows[0].sequences[0].columns.erase("ref_sum");
  EXPECT_THROW(pack_rows(rows, {}), InternalError);
}

TEST(Pack, TheOrderOfTheRowsDoesNotChangeTheBatches) {
  std::vector<Row> rows = random_rows(20, 11, 100);
  const std::vector<PackedBatch> a = pack_rows(rows, {.token_budget = 100});
  std::reverse(rows.begin(), rows.end());
  const std::vector<PackedBatch> b = pack_rows(rows, {.token_budget = 100});
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) { EXPECT_TRUE(a[i].tokens.equal(b[i].tokens)); }
}

TEST(Pack, NoRowsGiveNoBatches) { EXPECT_TRUE(pack_rows({}, {}).empty()); }

}  // namespace
}  // namespace una::data
