#include "una/run/run_ranks.h"

#include <utility>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::run {
namespace {

// What the other ranks would say is written down; this one is rank `rank`.
class WrittenRanks final : public dist::Ranks {
 public:
  WrittenRanks(std::vector<std::string> all, int rank = 0) : all_(std::move(all)), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return static_cast<int>(all_.size()); }
  void sum(std::span<double>) override {}
  void sum(at::Tensor&) override {}
  void broadcast(at::Tensor&, int) override {}
  void gather_parts(at::Tensor&) override {}
  bool any(bool mine) override { return mine; }
  std::vector<std::string> gather(const std::string&, int) override { return all_; }
  std::vector<std::string> gather_all(const std::string& own) override {
    all_[static_cast<std::size_t>(rank_)] = own;
    return all_;
  }
  void barrier() override {}
  void abort(int) noexcept override { std::terminate(); }
  int local_rank() const override { return rank_; }
  int local_size() const override { return size(); }
  std::string name(int rank) const override { return "rank " + std::to_string(rank); }
  void wait_for_work() override {}
  double seconds_in_calls() const override { return 5; }
  [[noreturn]] void end(int, const std::string&) noexcept override { std::terminate(); }

 private:
  std::vector<std::string> all_;
  int rank_;
};

std::string difference(const std::string& other) {
  WrittenRanks ranks({"", other});
  try {
    check_same(ranks, {{"beta", "0.1"}, {"seed", "1"}}, "start them alike");
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(RunRanks, TheFirstDifferenceIsNamedWithItsRank) {
  EXPECT_EQ(difference(R"({"beta": "0.1", "seed": "1"})"), "");
  EXPECT_EQ(difference(R"({"beta": "0.1", "seed": "2"})"),
            "rank 1: seed is 2, but 1 on rank 0; start them alike");
  EXPECT_EQ(difference(R"({"beta": "0.1"})"), "rank 1: seed is missing, but 1 on rank 0; start them alike");
}

TEST(RunRanks, OnlyThreadsMayDifferBetweenRanks) {
  setup::RunConfig config = setup::default_config("dpo");
  const auto differs = [&](const char* key, const char* value) {
    Json settings = Json::object();
    for (const OptionHelp& option : describe_options(config)) { settings[option.name] = option.fallback; }
    settings[key] = value;
    WrittenRanks ranks({"", settings.dump()});
    try {
      check_same_settings(ranks, config);
    } catch (const InputError&) { return true; }
    return false;
  };
  EXPECT_FALSE(differs("threads", "7"));
  EXPECT_TRUE(differs("seed", "7"));
  EXPECT_TRUE(differs("output_dir", "elsewhere"));
}

TEST(RunRanks, WhatRankZeroGivesIsWhatAllTake) {
  WrittenRanks second({"of rank 0", ""}, 1);
  EXPECT_EQ(share(second, "of rank 1"), "of rank 0");
}

TEST(RunRanks, TimeInExchangesIsAShareOfEachRank) {
  WrittenRanks two({"", "12.5"});
  EXPECT_EQ(exchange_line(two, 3, 8),
            "exchanges  25.0 % rank 0, 12.5 % rank 1 of the time, with waiting for each other");
  WrittenRanks nine(std::vector<std::string>(9, "1.0"));
  EXPECT_NE(exchange_line(nine, 3, 8).find("1.0 % rank 7, ... of the time"), std::string::npos);
  WrittenRanks one({""});
  EXPECT_EQ(exchange_line(one, 3, 8), "");
}

TEST(RunRanks, TheSignalOfAnyRankStopsAll) {
  WrittenRanks calm({"0", "0", "0"}), stopped({"0", "0", "15"});
  EXPECT_EQ(agreed_signal(calm), 0);
  EXPECT_EQ(agreed_signal(stopped), 15);
}

TEST(RunRanks, SeveralRanksNeedFilesProcessorsAndPatience) {
  setup::RankOptions two;
  two.nproc = 2;
  EXPECT_EQ(launch_of(two, "cpu", {"rows.jsonl"}).starts, 2);
  EXPECT_THROW(launch_of(two, "cpu", {"rows.jsonl", "-"}), InputError);
  EXPECT_THROW(launch_of(two, "cuda", {"rows.jsonl"}), InputError);
  two.ddp_timeout = 0;
  EXPECT_THROW(launch_of(two, "cpu", {"rows.jsonl"}), InputError);
  setup::RankOptions one;
  one.nproc = 1;
  EXPECT_EQ(launch_of(one, "cuda", {"-"}).size, 1);
}

}  // namespace
}  // namespace una::run
