#include "una/dist/gang.h"

#include <cstdlib>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/div.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/dist/ranks.h"
#include "una/dist/thread_gang_testing.h"

namespace una::dist {
namespace {

using testing::ThreadGang;

TEST(Gang, OneProcessIsAGangOfOne) {
  const auto gang = make_gang();
  EXPECT_EQ(gang->size(), 1);
  EXPECT_TRUE(gang->leads());
  double number = 2.5;
  gang->sum({&number, 1});
  EXPECT_EQ(number, 2.5);
  EXPECT_EQ(gang->gather_all("x"), std::vector<std::string>{"x"});
}

TEST(Gang, ALauncherOfSeveralRanksIsRefused) {
  setenv("RANK", "1", 1);
  setenv("WORLD_SIZE", "2", 1);
  EXPECT_THROW(make_gang(), InputError);
  unsetenv("WORLD_SIZE");
  unsetenv("RANK");
}

TEST(Gang, SlurmsVariablesCountInsideAJobStepOnly) {
  setenv("SLURM_NTASKS", "4", 1);
  setenv("SLURM_PROCID", "1", 1);
  setenv("SLURM_STEP_NODELIST", "a", 1);
  EXPECT_EQ(make_gang()->size(), 1);
  setenv("SLURM_STEP_ID", "0", 1);
  EXPECT_THROW(make_gang(), InputError);
  unsetenv("SLURM_STEP_ID");
  unsetenv("SLURM_STEP_NODELIST");
  unsetenv("SLURM_PROCID");
  unsetenv("SLURM_NTASKS");
}

TEST(Gang, AnExceptionOfOneProcessPassesThrough) {
  const auto alone = make_ranks(Launch{});
  EXPECT_EQ(alone->size(), 1);
  EXPECT_EQ(alone->local_size(), 1);
  EXPECT_EQ(run_together(*alone, [] { return 3; }), 3);
  EXPECT_THROW(run_together(*alone, []() -> int { throw InputError("x"); }), InputError);
}

TEST(Gang, EveryCollectiveOfAGangOfThreadsGivesAllRanksTheSame) {
  ThreadGang threads(3);
  threads.run([](Gang& gang) {
    const int own = gang.rank();
    std::vector<double> numbers = {1.0 * own, 10};
    gang.sum(numbers);
    EXPECT_EQ(numbers, (std::vector<double>{3, 30}));
    at::Tensor tensor = at::full({2}, own + 1.0);
    gang.sum(tensor);
    EXPECT_TRUE(tensor.equal(at::full({2}, 6.0)));
    tensor.fill_(own);
    gang.broadcast(tensor, 2);
    EXPECT_TRUE(tensor.equal(at::full({2}, 2.0)));
    at::Tensor parts = at::full({6}, -1.0);
    parts.narrow(0, 2 * own, 2).fill_(own);
    gang.gather_parts(parts);
    EXPECT_TRUE(parts.equal(at::arange(6, at::kFloat).div(2, "floor")));
    EXPECT_TRUE(gang.any(own == 1));
    EXPECT_FALSE(gang.any(false));
    const std::vector<std::string> all = {"0", "1", "2"};
    EXPECT_EQ(gang.gather_all(cat(own)), all);
    EXPECT_EQ(gang.gather(cat(own), 1), own == 1 ? all : std::vector<std::string>{});
    gang.barrier();
  });
}

TEST(Gang, ARankThatEndsOrCallsAnotherCollectiveDoesNotLeaveTheOthersWaiting) {
  ThreadGang threads(2);
  const auto message = [&](const std::function<void(Gang&)>& work) -> std::string {
    try {
      threads.run(work);
    } catch (const std::exception& error) { return error.what(); }
    return "";
  };
  EXPECT_EQ(message([](Gang& gang) {
              check_input(gang.rank() != 1, "rank 1 cannot read its rows");
              gang.barrier();
            }),
            "rank 1 cannot read its rows");
  EXPECT_NE(message([](Gang& gang) {
              if (gang.rank() == 0) { gang.barrier(); }
            }),
            "");
  double number = 1;
  EXPECT_NE(message([&](Gang& gang) { gang.rank() == 0 ? gang.barrier() : gang.sum({&number, 1}); }), "");
}

}  // namespace
}  // namespace una::dist
