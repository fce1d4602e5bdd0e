#include "una/train/checkpoint.h"

#include <filesystem>

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files.h"
#include "una/base/testing.h"

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

}  // namespace
}  // namespace una::train
