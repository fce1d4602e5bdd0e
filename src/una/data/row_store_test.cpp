#include "una/data/row_store.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "una/rows/rows_testing.h"
#include "una/views/scores/score_mappings.h"

namespace una::data::detail {
namespace {

using rows::contains;
using rows::input_error;

Sequence make_sequence(std::vector<std::int32_t> ids, std::vector<std::uint8_t> mask) {
  Sequence sequence;
  sequence.ids = std::move(ids);
  sequence.loss_mask = std::move(mask);
  return sequence;
}

// A row that sets every member.
Row full_row() {
  Row row;
  row.where = {"b.jsonl", 17};
  row.unit = Unit::kPair;
  row.source = 3;
  row.group_id = 0xFEDCBA9876543210;
  row.weight = 0.25;
  row.margin = 1.5;
  row.has_margin = true;
  row.sequences = {make_sequence({1, 2, 3, 4, 5}, {0, 0, 1, 0, 1}), make_sequence({1, 2, 70000}, {0, 1, 1})};
  row.sequences[0].target = 0.75;
  row.sequences[0].raw_score = -3;
  row.sequences[0].answer_weight = 0.5;
  row.sequences[0].sampler = Sampler::kReference;
  row.sequences[0].ref_rewards = {{1, 2}, {0.1, 0.2}, true};
  row.sequences[0].columns["ref_logp"] = {-0.5F, -1.25F};
  return row;
}

Row short_row(std::int64_t line) {
  Row row;
  row.where = {"a.jsonl", line};
  row.unit = Unit::kScore;
  row.group_id = 7;
  row.sequences = {make_sequence({9, static_cast<std::int32_t>(line)}, {0, 1})};
  return row;
}

void expect_equal(const Row& a, const Row& b) {
  EXPECT_EQ(a.where.text(), b.where.text());
  EXPECT_EQ(a.unit, b.unit);
  EXPECT_EQ(a.source, b.source);
  EXPECT_EQ(a.group_id, b.group_id);
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_EQ(a.margin, b.margin);
  EXPECT_EQ(a.has_margin, b.has_margin);
  ASSERT_EQ(a.sequences.size(), b.sequences.size());
  for (std::size_t i = 0; i < a.sequences.size(); ++i) {
    const Sequence &x = a.sequences[i], &y = b.sequences[i];
    EXPECT_EQ(x.ids, y.ids);
    EXPECT_EQ(x.loss_mask, y.loss_mask);
    EXPECT_EQ(x.target, y.target);
    EXPECT_EQ(x.raw_score, y.raw_score);
    EXPECT_EQ(x.answer_weight, y.answer_weight);
    EXPECT_EQ(x.sampler, y.sampler);
    EXPECT_EQ(x.ref_rewards.raw, y.ref_rewards.raw);
    EXPECT_EQ(x.ref_rewards.scores, y.ref_rewards.scores);
    EXPECT_EQ(x.ref_rewards.has_own, y.ref_rewards.has_own);
    EXPECT_EQ(x.columns, y.columns);
  }
}

StoredRows open_store(const std::string& path) { return open_row_store(path, path); }

// Slots 5, 2, 2, 9 with the rows of lines 1, 2, 3 and the full one.
std::string write_store(const std::string& name, const rows::ReadReport& report = {}) {
  const std::string path = test_folder(name) + "/x.rows";
  RowStoreWriter writer(path, path);
  writer.add(5, short_row(1));
  writer.add(2, short_row(2));
  writer.add(2, short_row(3));
  writer.add(9, full_row());
  writer.finish(report, "left out\n");
  return path;
}

TEST(RowStore, RowsComeBackWholeInTheOrderOfTheirSlots) {
  const StoredRows stored = open_store(write_store("store_order"));
  ASSERT_EQ(stored.dataset->size(), 4);
  EXPECT_EQ(stored.dataset->row(0).where.line, 2);
  EXPECT_EQ(stored.dataset->row(1).where.line, 3);
  EXPECT_EQ(stored.dataset->row(2).where.line, 1);
  expect_equal(stored.dataset->row(3), full_row());
  EXPECT_EQ(stored.dataset->row(3).index, 3);
  EXPECT_EQ(stored.dropped, "left out\n");
}

TEST(RowStore, HashAndCountsEqualThoseOfTheSameRowsInMemory) {
  const StoredRows stored = open_store(write_store("store_hash"));
  const auto memory = make_dataset({short_row(2), short_row(3), short_row(1), full_row()}, {"a"});
  EXPECT_EQ(stored.dataset->content_hash(), memory->content_hash());
  EXPECT_EQ(stored.dataset->report().lengths, memory->report().lengths);
  EXPECT_EQ(stored.dataset->report().by_unit, memory->report().by_unit);
  EXPECT_EQ(stored.dataset->report().groups, 1);
  EXPECT_EQ(stored.dataset->report().largest_group, 3);
}

TEST(RowStore, TheReportComesBackWithItsScoreFits) {
  rows::ReadReport report;
  report.rows_read = 12;
  report.by_shape["binary"] = 12;
  report.dropped["empty answer"] = 2;
  report.ties["equal scores"] = 1;
  report.unused["only scored answer to its prompt"] = 4;
  report.sources = {"a", "b"};
  report.mixture = {{"a", 0.7, 7, 9}};
  report.score_mapping = "as they are";
  for (const views::ScoreMapping& mapping : views::score_mappings()) {
    if (mapping.fit == nullptr) { continue; }
    auto fits = std::make_shared<rows::ScoreFits>();
    fits->mapping = mapping.name;
    fits->by_source["a"] = mapping.fit({1, 2, 2, 3.5});
    report.score_fits = fits;
    const StoredRows stored = open_store(write_store("store_report", report));
    const rows::ReadReport& back = stored.dataset->report();
    Json expected = report.json();
    for (const char* key :
         {"rows_kept", "by_unit", "groups", "largest_group", "lengths", "length_histogram"}) {
      expected[key] = back.json()[key];
    }
    EXPECT_EQ(back.json().dump(), expected.dump()) << mapping.name;
    for (const double score : {0.0, 1.0, 2.0, 3.0, 9.0}) {
      EXPECT_EQ(back.score_fits->by_source.at("a")->target(score), fits->by_source.at("a")->target(score))
          << mapping.name;
    }
  }
}

TEST(RowStore, ADamagedFileIsToldAndNamed) {
  const std::string path = write_store("store_damaged");
  const std::string good = read_file(path);
  for (const std::size_t keep : {std::size_t{0}, std::size_t{20}, good.size() - 1, good.size() / 2}) {
    write_file(path, good.substr(0, keep));
    EXPECT_TRUE(contains(input_error([&] { open_store(path); }), path)) << keep;
  }
  std::string turned = good;
  turned[40] = static_cast<char>(turned[40] ^ 1);  // inside the first record, row 2 of the data set
  write_file(path, turned);
  const StoredRows stored = open_store(path);
  EXPECT_TRUE(contains(input_error([&] { stored.dataset->row(2); }), "x.rows is damaged: remove it"));
  EXPECT_EQ(stored.dataset->row(0).where.line, 2);
}

TEST(RowStore, AFolderThatIsNotThereIsOneSentence) {
  EXPECT_TRUE(contains(input_error([] { RowStoreWriter("/no/such/folder/x.rows", "cache/x.rows"); }),
                       "cannot write the row cache cache/x.rows"));
}

}  // namespace
}  // namespace una::data::detail
