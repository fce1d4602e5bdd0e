#include "una/eval/tasks/loaded_task.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/testing.h"

namespace una::eval {
namespace {

TEST(LoadedTask, TasksComeInTheOrderOfTheirNamesWithAllTheirRows) {
  const std::string folder = test_folder("loaded_task");
  for (const char* name : {"musr", "math_hard"}) { find_task(name).write_sample(folder); }
  const std::vector<LoadedTask> loaded = load_tasks({folder, 0}, {"musr", "math_hard"}, {});
  ASSERT_EQ(loaded.size(), 2U);
  EXPECT_EQ(loaded[0].task, &find_task("musr"));
  EXPECT_EQ(loaded[0].scorer, nullptr) << "multiple choice";
  EXPECT_NE(loaded[1].scorer, nullptr);
  EXPECT_EQ(loaded[1].subtasks.size(), 2U);
  EXPECT_EQ(loaded[1].rows(), 8) << "of both subtasks";
}

TEST(LoadedTask, ATaskNamedTwiceOrUnknownIsRefused) {
  const std::string folder = test_folder("loaded_task_twice");
  find_task("musr").write_sample(folder);
  EXPECT_THROW(load_tasks({folder, 0}, {"musr", "musr"}, {}), InputError);
  EXPECT_THROW(load_tasks({folder, 0}, {"must"}, {}), InputError);
  EXPECT_THROW(load_tasks({folder, 0}, {"gpqa"}, {}), InputError) << "no files";
}

}  // namespace
}  // namespace una::eval
