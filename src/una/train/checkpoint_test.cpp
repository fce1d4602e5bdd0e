#include "una/train/checkpoint.h"

#include <filesystem>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"
#include "una/dist/thread_gang_testing.h"

namespace una::train {
namespace {

using Steps = std::vector<std::int64_t>;

FlatBuffer buffer_of(double value) {
  at::Tensor master = at::full({3}, value, at::kFloat);
  master.requires_grad_(true);
  return FlatBuffer({{.name = "w", .master = master}});
}

CheckpointFiles plain_files() {
  return {.write_model = [](const std::string& folder) { write_file(folder + "/model.txt", "m"); },
          .trainer_state = "{}"};
}

TEST(Checkpoint, RetentionKeepsTheNewestAndTheBest) {
  EXPECT_EQ(steps_to_delete({10, 20, 30, 40}, 2, -1), (Steps{10, 20}));
  EXPECT_EQ(steps_to_delete({10, 20, 30, 40}, 2, 10), (Steps{20, 30}));
  EXPECT_EQ(steps_to_delete({10, 20, 30, 40}, 1, 10), (Steps{20, 30}));
  EXPECT_EQ(steps_to_delete({10}, 1, -1), Steps{});
  EXPECT_EQ(steps_to_delete({10, 20}, 0, -1), Steps{});
  EXPECT_EQ(steps_to_delete({}, 3, -1), Steps{});
}

TEST(Checkpoint, RoundTripIsBitForBit) {
  const std::string folder = test_folder("checkpoint");
  FlatBuffer written = buffer_of(0.1);
  written.exp_avg().fill_(0.3);
  RunState state;
  state.position = {7, 1, 5};
  state.updates = 6;
  state.identity = {{"model", "abc"}};
  state.objective = Json{{"delta", 0.1}};
  write_checkpoint(folder, state, written, plain_files());
  const RunState back = read_checkpoint(latest_checkpoint(folder));
  EXPECT_EQ(back.position.row, 5);
  EXPECT_EQ(back.updates, 6);
  EXPECT_EQ(back.identity, state.identity);
  EXPECT_EQ(back.objective, state.objective);
  FlatBuffer loaded = buffer_of(9);
  load_optimizer(checkpoint_folder(folder, 7), loaded);
  EXPECT_TRUE(loaded.values().equal(written.values()));
  EXPECT_TRUE(loaded.exp_avg().equal(written.exp_avg()));
}

// A buffer of 300 numbers, of which one rank has the moments of its part.
FlatBuffer part_of(FlatBuffer::Part own) {
  at::Tensor master = at::arange(300, at::kFloat);
  master.requires_grad_(true);
  FlatBuffer out({{.name = "w", .master = master}}, own);
  out.exp_avg().copy_(at::arange(out.own_begin(), out.own_begin() + out.own_size(), at::kFloat));
  out.exp_avg_sq().copy_(out.exp_avg() + 1000);
  return out;
}

TEST(Checkpoint, SplitMomentsAreWrittenWholeAndReadByAnyNumberOfRanks) {
  const std::string folder = test_folder("split"), whole = test_folder("whole");
  dist::testing::ThreadGang gang(3);
  gang.run([&](dist::Gang& rank) {
    FlatBuffer buffer = part_of({rank.rank(), 3});
    CheckpointFiles files = plain_files();
    files.gang = &rank;
    if (!rank.leads()) { return hand_over_moments(buffer, rank); }
    write_checkpoint(folder, {}, buffer, files);
  });
  FlatBuffer one = part_of({});
  write_checkpoint(whole, {}, one, plain_files());
  const std::string file = "/checkpoint-0/optimizer.safetensors";
  EXPECT_EQ(read_file(folder + file), read_file(whole + file));
  for (int number = 0; number < 2; ++number) {
    FlatBuffer wanted = part_of({number, 2}), loaded = part_of({number, 2});
    loaded.exp_avg().zero_();
    loaded.exp_avg_sq().zero_();
    load_optimizer(folder + "/checkpoint-0", loaded);
    EXPECT_GT(loaded.own_size(), 0);
    EXPECT_TRUE(loaded.exp_avg().equal(wanted.exp_avg()));
    EXPECT_TRUE(loaded.exp_avg_sq().equal(wanted.exp_avg_sq()));
    EXPECT_TRUE(loaded.values().equal(wanted.values()));
  }
}

TEST(Checkpoint, AHalfWrittenFolderIsNeverChosen) {
  const std::string folder = test_folder("half");
  FlatBuffer buffer = buffer_of(1);
  RunState state;
  state.position.step = 10;
  write_checkpoint(folder, state, buffer, plain_files());
  make_folder(folder + "/checkpoint-20");
  make_folder(folder + "/checkpoint-30.tmp");
  EXPECT_EQ(latest_checkpoint(folder), folder + "/checkpoint-10");
  EXPECT_THROW(read_checkpoint(folder + "/checkpoint-20"), InputError);
}

TEST(Checkpoint, AChangedFileIsNoticed) {
  const std::string folder = test_folder("changed");
  FlatBuffer buffer = buffer_of(1);
  write_checkpoint(folder, {}, buffer, plain_files());
  write_file(folder + "/checkpoint-0/model.txt", "x");
  EXPECT_THROW(read_checkpoint(folder + "/checkpoint-0"), InputError);
}

TEST(Checkpoint, OtherTensorsAreRefused) {
  const std::string folder = test_folder("other");
  FlatBuffer buffer = buffer_of(1);
  write_checkpoint(folder, {}, buffer, plain_files());
  at::Tensor master = at::full({4}, 1.0, at::kFloat);
  master.requires_grad_(true);
  FlatBuffer other({{.name = "w", .master = master}});
  EXPECT_THROW(load_optimizer(folder + "/checkpoint-0", other), InputError);
}

TEST(Checkpoint, AFailedWriteLeavesNothing) {
  const std::string folder = test_folder("failed");
  FlatBuffer buffer = buffer_of(1);
  CheckpointFiles files = plain_files();
  files.write_model = [](const std::string&) { throw InputError("disk full"); };
  EXPECT_THROW(write_checkpoint(folder, {}, buffer, files), InputError);
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

// A checkpoint of step 5, and what a run that was killed while it wrote that step again left next to it.
std::string killed_between(const std::string& name, const std::string& fresh_suffix, const char* old_suffix) {
  const std::string folder = test_folder(name), target = folder + "/checkpoint-5";
  FlatBuffer first = buffer_of(1), second = buffer_of(2);
  RunState state;
  state.position.step = 5;
  write_checkpoint(folder, state, second, plain_files());
  std::filesystem::rename(target, folder + "/aside");  // the next write clears what is left of an earlier one
  write_checkpoint(folder, state, first, plain_files());
  std::filesystem::rename(folder + "/aside", target + fresh_suffix);
  if (old_suffix != nullptr) { std::filesystem::rename(target, target + old_suffix); }
  return folder;
}

float value_in(const std::string& checkpoint) {
  FlatBuffer loaded = buffer_of(9);
  load_optimizer(checkpoint, loaded);
  return loaded.values()[0].item<float>();
}

TEST(Checkpoint, AtEveryInstantOfAReplacementOneIsFound) {
  const std::string replaced = killed_between("between_tmp", ".tmp", nullptr);
  EXPECT_EQ(value_in(latest_checkpoint(replaced)), 1) << "the named one";
  std::filesystem::remove_all(replaced + "/checkpoint-5");
  EXPECT_EQ(latest_checkpoint(replaced), replaced + "/checkpoint-5");
  EXPECT_EQ(value_in(replaced + "/checkpoint-5"), 2) << "a whole one that was not named yet";
  EXPECT_EQ(value_in(latest_checkpoint(killed_between("between_old", ".new", ".old"))), 2);
  const std::string torn = killed_between("between_torn", ".new", ".old");
  std::filesystem::remove(torn + "/checkpoint-5.new/manifest.json");
  EXPECT_EQ(value_in(latest_checkpoint(torn)), 1);
}

TEST(Checkpoint, AReplacementThatFailsLeavesTheOldOne) {
  const std::string folder = test_folder("replacement_fails");
  FlatBuffer buffer = buffer_of(1), other = buffer_of(2);
  RunState state;
  state.position.step = 5;
  write_checkpoint(folder, state, buffer, plain_files());
  CheckpointFiles files = plain_files();
  files.write_model = [](const std::string&) { throw InputError("disk full"); };
  EXPECT_THROW(write_checkpoint(folder, state, other, files), InputError);
  EXPECT_EQ(value_in(latest_checkpoint(folder)), 1);
  write_checkpoint(folder, state, other, plain_files());
  EXPECT_EQ(value_in(latest_checkpoint(folder)), 2);
  EXPECT_EQ(checkpoint_steps(folder), Steps{5});
  EXPECT_FALSE(is_folder(folder + "/checkpoint-5.new"));
  EXPECT_FALSE(is_folder(folder + "/checkpoint-5.new.removed"));
}

TEST(Checkpoint, ARemovedOneIsGoneAndOneThatCannotBeRemovedIsOnlyAWarning) {
  const std::string folder = test_folder("removed");
  FlatBuffer buffer = buffer_of(1);
  write_checkpoint(folder, {}, buffer, plain_files());
  remove_checkpoint(folder + "/checkpoint-0");
  EXPECT_TRUE(std::filesystem::is_empty(folder));
  EXPECT_NO_THROW(remove_checkpoint(folder + "/checkpoint-7"));
}

}  // namespace
}  // namespace una::train
