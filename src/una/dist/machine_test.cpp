#include "una/dist/machine.h"

#include <gtest/gtest.h>

namespace una::dist {
namespace {

Processors rank(const char* machine, std::vector<int> allowed, int usable, const char* group = "") {
  return {machine, group, std::move(allowed), usable};
}

TEST(Machine, RanksOfOneMachineShareItsProcessors) {
  const std::vector<int> all = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(threads_of_rank({rank("a", all, 8)}, 0), 8);
  EXPECT_EQ(threads_of_rank({rank("a", all, 8), rank("a", all, 8)}, 1), 4);
  EXPECT_EQ(threads_of_rank({rank("a", all, 8), rank("b", all, 8)}, 1), 8);
  EXPECT_EQ(threads_of_rank({rank("a", all, 3), rank("a", all, 3)}, 0), 1) << "the control group grants 3";
  EXPECT_EQ(threads_of_rank(std::vector<Processors>(16, rank("a", all, 8)), 3), 1) << "never none";
}

TEST(Machine, ProcessorsOfTheirOwnAreNotDivided) {
  EXPECT_EQ(threads_of_rank({rank("a", {0, 1}, 2), rank("a", {2, 3}, 2)}, 0), 2) << "srun --cpus-per-task 2";
  const std::vector<int> all = {0, 1, 2, 3, 4, 5, 6, 7};
  EXPECT_EQ(threads_of_rank({rank("a", all, 2, "0::/x"), rank("a", all, 2, "0::/y")}, 0), 2);
  EXPECT_EQ(threads_of_rank({rank("a", all, 2, "0::/x"), rank("a", all, 2, "0::/x")}, 0), 1);
  EXPECT_EQ(threads_of_rank({rank("a", all, 8, "0::/x"), rank("a", all, 8, "0::/y")}, 0), 4) << "no quota";
}

TEST(Machine, ARankTellsItsProcessors) {
  const Processors own = own_processors();
  EXPECT_FALSE(own.machine.empty());
  EXPECT_GE(own.usable, 1);
  EXPECT_GE(static_cast<int>(own.allowed.size()), own.usable);
  const Processors read = parse_processors(print(own));
  EXPECT_EQ(read.machine, own.machine);
  EXPECT_EQ(read.group, own.group);
  EXPECT_EQ(read.allowed, own.allowed);
  EXPECT_EQ(read.usable, own.usable);
  EXPECT_GE(numa_nodes(), 1);
}

}  // namespace
}  // namespace una::dist
