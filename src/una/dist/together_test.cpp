#include "una/dist/together.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/os/interrupt.h"
#include "una/dist/thread_gang_testing.h"

namespace una::dist {
namespace {

TEST(Together, TheFirstRanksErrorIsThrownByAll) {
  std::array<std::string, 3> told;
  testing::ThreadGang threads(3);
  threads.run([&](Gang& gang) {
    const int own = gang.rank();
    together(gang, [] {});
    try {
      together(gang, [&] { check_input(own == 0, "rank ", own, " has a bad row"); });
    } catch (const InputError& error) { told[static_cast<std::size_t>(own)] = error.what(); }
  });
  for (const std::string& one : told) { EXPECT_EQ(one, "rank 1 has a bad row"); }
}

TEST(Together, AStopOfOneRankIsAStopOfAll) {
  std::array<bool, 2> stopped = {false, false};
  testing::ThreadGang threads(2);
  threads.run([&](Gang& gang) {
    try {
      together(gang, [&] {
        if (gang.rank() == 1) { throw Interrupted("stopped"); }
      });
    } catch (const Interrupted&) { stopped[static_cast<std::size_t>(gang.rank())] = true; }
  });
  EXPECT_TRUE(stopped[0]);
  EXPECT_TRUE(stopped[1]);
  clear_interrupt();
}

}  // namespace
}  // namespace una::dist
