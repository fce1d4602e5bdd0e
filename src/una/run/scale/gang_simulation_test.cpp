#include "una/run/scale/gang_simulation.h"

#include <cmath>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

// 10 steps of 2 equal micro-batches; 20 s a step on one rank of 1e12 operations a second. A checkpoint takes 10 s.
RunPlan plan() {
  RunPlan out;
  out.steps = 10;
  out.micro_batches.assign(10, std::vector<double>(2, 3.0));
  out.operations = 200e12;
  out.model.trained = 250'000'000;  // 1 GB of gradient
  out.checkpoint_bytes = 10e9;
  return out;
}

constexpr RankSpeed kSpeed{.operations = 1e12, .bytes = 1e15};

// Nothing but work.
SimulationOptions quiet(std::vector<std::string> ranks) {
  SimulationOptions out;
  out.simulate_ranks = std::move(ranks);
  out.speed_spread = out.step_jitter = out.mtbf_hours = 0;
  return out;
}

SimulatedGang played(const SimulationOptions& options, std::int64_t save_steps = 0) {
  const ScaleOptions where{.link = "10GB/s", .local_link = "10GB/s"};
  return simulate_gangs(plan(), where, false, options, kSpeed, save_steps).back();
}

TEST(GangSimulation, AQuietGangHasTheStepOfThePlan) {
  const SimulatedGang four = played(quiet({"4"}));
  EXPECT_NEAR(four.compute, 20, 1e-9) << "two micro-batches a rank, as at one rank";
  EXPECT_NEAR(four.waiting, 0, 1e-9);
  EXPECT_NEAR(four.exchange, 0.15 + 6 * 50e-6, 1e-5);
  EXPECT_NEAR(four.efficiency, 20 / four.step_seconds, 1e-12);
  EXPECT_NEAR(four.useful, four.efficiency, 1e-12);
}

TEST(GangSimulation, TheSlowestOfManyRanksIsWaitedFor) {
  SimulationOptions options = quiet({"1024"});
  options.speed_spread = 0.02;
  const double waiting = played(options).waiting / 20;
  EXPECT_NEAR(waiting, 3.2 * 0.02, 0.02) << "the largest of 1024 normal numbers is about 3.2";
  options.step_jitter = 0.05;
  EXPECT_GT(played(options).waiting / 20, 2 * waiting) << "and of others at each step";
}

TEST(GangSimulation, SavingTakesItsShareOfTheTime) {
  const SimulatedGang one = played(quiet({"1"}), 9);
  EXPECT_NEAR(one.useful / one.efficiency, 180.0 / 190, 1e-3) << "10 s behind each 180 s";
  EXPECT_NEAR(one.saving, 24 * 10.0 / 190, 0.01);
}

// A failure costs half of the time between two checkpoints on average, and the restart.
TEST(GangSimulation, FailuresCostWhatWasDoneSinceTheCheckpoint) {
  SimulationOptions options = quiet({"100"});
  options.mtbf_hours = 1000;
  options.restart_seconds = 300;
  options.simulate_days = 3000;
  const SimulatedGang gang = played(options, 60);
  EXPECT_NEAR(gang.failures, 2.4, 0.1);
  const double each = 60 * gang.step_seconds + 10;
  EXPECT_NEAR(gang.redone, gang.failures * 100 * each / 2 / 3600, 0.1 * gang.redone);
  EXPECT_NEAR(gang.restarting, gang.failures * 100 * 300 / 3600, 0.02 * gang.restarting);
  EXPECT_NEAR(gang.best_save, std::sqrt(2 * 10 * 36000), 1e-6);
  const double lost = (gang.redone + gang.restarting + gang.saving) / 2400;
  EXPECT_NEAR(gang.useful, gang.efficiency * (1 - lost), 1e-9);
}

TEST(GangSimulation, BadNumbersAreRefused) {
  EXPECT_THROW(played(quiet({"0"})), InputError);
  EXPECT_THROW(played(quiet({"eight"})), InputError);
  SimulationOptions options = quiet({"2"});
  options.simulate_days = 0;
  EXPECT_THROW(played(options), InputError);
}

}  // namespace
}  // namespace una::run
