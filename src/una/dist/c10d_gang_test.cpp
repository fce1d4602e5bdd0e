// Ranks of one process, each in a thread, over real sockets; tests/ranks has those in processes of their own.
#include "una/dist/c10d_gang.h"

#include <exception>
#include <thread>

#include <dlfcn.h>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/div.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include "una/base/clock.h"
#include "una/base/ending.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/dist/network.h"

namespace una::dist {
namespace {

using std::chrono::milliseconds;

Launch rank_of(int rank, int size, std::uint16_t port) {
  return {.rank = rank, .size = size, .by = "a test", .host = "127.0.0.1", .port = port};
}

// Runs `work` in every rank and returns what each threw, "" for nothing.
std::vector<std::string> run_ranks(int size, const std::function<void(Ranks&)>& work,
                                   const RanksOptions& options = {.checked = true}) {
  const std::uint16_t port = free_port();
  std::vector<std::string> errors(static_cast<std::size_t>(size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        const auto gang = make_c10d_gang(rank_of(rank, size, port), options);
        work(*gang);
      } catch (const std::exception& error) { errors[static_cast<std::size_t>(rank)] = error.what(); }
    });
  }
  for (std::thread& thread : threads) { thread.join(); }
  return errors;
}

TEST(C10dGang, EveryCollectiveGivesAllRanksTheSame) {
  const std::vector<std::string> errors = run_ranks(3, [](Ranks& gang) {
    const int own = gang.rank();
    EXPECT_EQ(gang.size(), 3);
    EXPECT_EQ(gang.local_size(), 3);
    EXPECT_EQ(gang.local_rank(), own);
    EXPECT_TRUE(starts_with(gang.name(2), "rank 2 on host "));
    std::vector<double> numbers = {1.0 * own, 10, 0.1};
    gang.sum(numbers);
    EXPECT_EQ(numbers[0], 3);
    EXPECT_EQ(numbers[1], 30);
    at::Tensor tensor = at::full({1000}, own + 1.0);
    gang.sum(tensor);
    EXPECT_TRUE(tensor.equal(at::full({1000}, 6.0f)));
    at::Tensor parts = at::full({6}, -1.0);
    parts.narrow(0, 2 * own, 2).fill_(own);
    gang.gather_parts(parts);
    EXPECT_TRUE(parts.equal(at::arange(6, at::kFloat).div(2, "floor")));
    at::Tensor none = at::full({0}, 1.0f);
    gang.sum(none);
    tensor = at::arange(5) + own;
    gang.broadcast(tensor, 2);
    EXPECT_TRUE(tensor.equal(at::arange(5) + 2));
    EXPECT_TRUE(gang.any(own == 1));
    EXPECT_FALSE(gang.any(false));
    const std::string large(5000, static_cast<char>('a' + own));
    const std::vector<std::string> all = {std::string(5000, 'a'), std::string(5000, 'b'),
                                          std::string(5000, 'c')};
    EXPECT_EQ(gang.gather_all(large), all);
    EXPECT_EQ(gang.gather_all(own == 1 ? large : ""), (std::vector<std::string>{"", all[1], ""}));
    EXPECT_EQ(gang.gather_all(cat(own)), (std::vector<std::string>{"0", "1", "2"}));
    EXPECT_EQ(gang.gather(cat(own), 1).size(), own == 1 ? 3U : 0U);
    gang.barrier();
    gang.wait_for_work();
  });
  EXPECT_EQ(errors, (std::vector<std::string>{"", "", ""}));
}

// Each rank's error names its own call, so that the two together tell what differs; c10d decodes the other one's wrongly
// where one call has a tensor and the other has none.
TEST(C10dGang, CallsThatDifferAreNamed) {
  const std::vector<std::string> errors = run_ranks(2, [](Ranks& gang) {
    double number = 1;
    gang.rank() == 0 ? gang.barrier() : gang.sum({&number, 1});
  });
  EXPECT_NE(errors[0].find("BARRIER"), std::string::npos) << errors[0];
  EXPECT_NE(errors[1].find("ALLREDUCE"), std::string::npos) << errors[1];
}

TEST(C10dGang, ARankThatDoesNotComeToACallIsNamedAtTheDeadline) {
  const std::vector<std::string> errors =
      run_ranks(2,
                [](Ranks& gang) {
                  gang.any(false);
                  if (gang.rank() == 1) {
                    std::this_thread::sleep_for(milliseconds(6500));
                  } else {
                    gang.barrier();
                  }
                },
                {.deadline = milliseconds(1500), .silence = milliseconds(20000)});
  EXPECT_NE(errors[0].find("rank 1 on host "), std::string::npos) << errors[0];
  EXPECT_NE(errors[0].find("has not come: its last call was a vote"), std::string::npos) << errors[0];
}

TEST(C10dGang, RanksThatDoNotComeAreNamed) {
  const auto begin = monotonic_seconds();
  try {
    make_c10d_gang(rank_of(0, 3, free_port()), {.start = milliseconds(300)});
    FAIL() << "two ranks are missing";
  } catch (const Retryable& error) {
    EXPECT_NE(std::string(error.what()).find("rank 1, 2 of 3 has not come"), std::string::npos)
        << error.what();
  }
  EXPECT_LT(monotonic_seconds() - begin, 5);
  try {
    make_c10d_gang(rank_of(1, 2, free_port()), {.start = milliseconds(300)});
    FAIL() << "rank 0 is missing";
  } catch (const Retryable& error) {
    EXPECT_NE(std::string(error.what()).find("no rank 0 at 127.0.0.1:"), std::string::npos) << error.what();
  }
}

TEST(C10dGang, RanksThatCountDifferentlyAreRefused) {
  const std::uint16_t port = free_port();
  std::thread first(
      [&] { EXPECT_THROW(make_c10d_gang(rank_of(0, 3, port), {.start = milliseconds(1000)}), Retryable); });
  try {
    make_c10d_gang(rank_of(1, 4, port), {.start = milliseconds(1000)});
    ADD_FAILURE() << "it counts 4 ranks, rank 0 counts 3";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("rank 0 counts 3 ranks"), std::string::npos) << error.what();
  }
  first.join();
}

TEST(C10dGang, TheWheelHasWhatItsGlooNeeds) {
  // The declarations of third_party/gloo_names are right for this library: it was built with Gloo, and these are what
  // gloo_engine.cpp calls.
  for (
      const char* symbol :
      {"_ZN4c10d16ProcessGroupGloo23createDeviceForHostnameERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEb",
       "_ZN4c10d16ProcessGroupGloo24createDeviceForInterfaceERKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEEb",
       "_ZN4c10d16ProcessGroupGloo7OptionsC1ENSt6chrono8durationIlSt5ratioILl1ELl1000EEEE",
       "_ZN4c10d16ProcessGroupGlooC1ERKN3c1013intrusive_ptrINS_5StoreENS1_6detail34intrusive_target_default_null_"
       "typeIS3_EEEEiiNS2_INS0_7OptionsENS5_ISA_EEEE",
       "_ZN4gloo7Context10setTimeoutENSt6chrono8durationIlSt5ratioILl1ELl1000EEEE"}) {
    EXPECT_NE(::dlsym(RTLD_DEFAULT, symbol), nullptr) << symbol;
  }
}

}  // namespace
}  // namespace una::dist
