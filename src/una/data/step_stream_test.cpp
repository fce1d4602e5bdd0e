#include <set>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/data/pack.h"

namespace una::data {
namespace {

std::unique_ptr<Dataset> dataset(std::int32_t size) {
  std::vector<Row> rows(static_cast<std::size_t>(size));
  for (std::int32_t i = 0; i < size; ++i) {
    Row& row = rows[static_cast<std::size_t>(i)];
    row.unit = Unit::kBinary;
    row.where = {"rows.jsonl", i + 1};
    Sequence sequence;
    sequence.ids = {i, 1000 + i};
    sequence.loss_mask = {0, 1};
    row.sequences.push_back(sequence);
  }
  return make_dataset(std::move(rows), {"rows"});
}

// Lines of the rows of a step, with multiplicity.
std::multiset<std::int64_t> lines(const StepBatch& step) {
  std::multiset<std::int64_t> out;
  for (const PackedBatch& batch : step.micro_batches) {
    for (const Where& where : batch.rows) { out.insert(where.line); }
  }
  return out;
}

TEST(StepStream, AnEpochHoldsEveryRowOnceAndEpochsDiffer) {
  const auto rows = dataset(10);
  StepStream stream(*rows, 4, 7, true, {}, false);
  EXPECT_EQ(stream.steps_per_epoch(), 3);
  std::vector<std::multiset<std::int64_t>> firsts;
  for (int epoch = 0; epoch < 3; ++epoch) {
    std::multiset<std::int64_t> all;
    for (int i = 0; i < 3; ++i) {
      const StepBatch step = stream.next();
      EXPECT_EQ(step.rows, i < 2 ? 4 : 2);
      EXPECT_EQ(step.tokens, step.rows * 2);
      const auto here = lines(step);
      if (i == 0) { firsts.push_back(here); }
      all.insert(here.begin(), here.end());
    }
    EXPECT_EQ(all.size(), 10U);
    EXPECT_EQ(std::set<std::int64_t>(all.begin(), all.end()).size(), 10U);
  }
  EXPECT_FALSE(firsts[0] == firsts[1] && firsts[1] == firsts[2]);
  EXPECT_EQ(stream.position().step, 9);
  EXPECT_EQ(stream.position().epoch, 3);
  EXPECT_EQ(stream.position().row, 0);
}

TEST(StepStream, ResumingAtAnyPositionEqualsTheStraightRun) {
  const auto rows = dataset(11);
  StepStream straight(*rows, 3, 42, true, {}, true);
  std::vector<RunPosition> positions;
  std::vector<StepBatch> steps;
  for (int i = 0; i < 10; ++i) {
    positions.push_back(straight.position());
    steps.push_back(straight.next());
  }
  for (std::size_t start = 0; start < positions.size(); ++start) {
    StepStream resumed(*rows, 3, 42, true, {}, true);
    resumed.seek(positions[start]);
    for (std::size_t i = start; i < steps.size(); ++i) {
      const StepBatch step = resumed.next();
      ASSERT_EQ(step.micro_batches.size(), steps[i].micro_batches.size());
      for (std::size_t b = 0; b < step.micro_batches.size(); ++b) {
        EXPECT_TRUE(step.micro_batches[b].tokens.equal(steps[i].micro_batches[b].tokens));
      }
      ASSERT_EQ(step.kl.size(), steps[i].kl.size());
      for (std::size_t b = 0; b < step.kl.size(); ++b) {
        EXPECT_TRUE(step.kl[b].tokens.equal(steps[i].kl[b].tokens));
      }
    }
  }
}

// Rows made when they are asked for; remembers how often that was.
class CountedRows final : public Dataset {
 public:
  explicit CountedRows(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  Row row(std::int64_t index) const override {
    ++asked;
    Row row;
    row.unit = Unit::kBinary;
    row.where = {"rows.jsonl", index + 1};
    row.sequences.push_back({.ids = {1, 2}, .loss_mask = {0, 1}});
    return row;
  }
  const rows::ReadReport& report() const override { return report_; }
  std::string content_hash() const override { return "counted"; }

  mutable std::int64_t asked = 0;

 private:
  std::int64_t size_;
  rows::ReadReport report_;
};

TEST(StepStream, ResumingAtTheEndOfAHundredMillionRowsReadsNoMoreThanAtTheirStart) {
  const std::int64_t size = 100'000'000;
  const CountedRows rows(size);
  for (const std::int64_t begin : {std::int64_t{0}, size / 2, size - 16}) {
    StepStream resumed(rows, 16, 42, true, {}, false);
    resumed.seek({begin / 16, 0, begin});
    rows.asked = 0;
    EXPECT_EQ(resumed.next().rows, 16);
    EXPECT_EQ(rows.asked, 16) << "at row " << begin;
  }
}

TEST(StepStream, AStepThatWasTooLargeComesAgainInSmallerPieces) {
  const auto rows = dataset(10);
  StepStream stream(*rows, 8, 7, true, {.token_budget = 200}, false), straight(*rows, 8, 7, true, {}, false);
  EXPECT_EQ(stream.next().micro_batches.size(), 1U);
  EXPECT_EQ(stream.shrink(), 100);
  EXPECT_EQ(stream.shrink(), 50);
  EXPECT_EQ(stream.shrink(), 0);  // smaller ones do not help
  const StepBatch again = stream.next(), wanted = straight.next();
  EXPECT_EQ(lines(again), lines(wanted));
  EXPECT_EQ(stream.position().row, straight.position().row);
  EXPECT_EQ(lines(stream.next()), lines(straight.next()));
}

TEST(StepStream, WithoutShufflingTheOrderIsTheFiles) {
  const auto rows = dataset(5);
  StepStream stream(*rows, 2, 1, false, {}, false);
  EXPECT_EQ(lines(stream.next()), (std::multiset<std::int64_t>{1, 2}));
  EXPECT_EQ(lines(stream.next()), (std::multiset<std::int64_t>{3, 4}));
  EXPECT_EQ(lines(stream.next()), (std::multiset<std::int64_t>{5}));
  EXPECT_EQ(lines(stream.next()), (std::multiset<std::int64_t>{1, 2}));
}

TEST(StepStream, APositionAtAnEpochsEndIsTheNextEpochsStart) {
  const auto rows = dataset(4);
  StepStream stream(*rows, 2, 1, false, {}, false);
  stream.seek({2, 0, 4});
  EXPECT_EQ(stream.position().epoch, 1);
  EXPECT_EQ(stream.next().rows, 2);
  EXPECT_THROW(stream.seek({0, 0, 5}), InputError);
  const auto none = dataset(0);
  EXPECT_THROW(StepStream(*none, 2, 1, false, {}, false), InputError);
}

}  // namespace
}  // namespace una::data
