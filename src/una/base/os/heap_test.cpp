#include "una/base/os/heap.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "una/base/clock.h"

namespace una {
namespace {

constexpr std::size_t kPiece = 64 << 10;  // small enough for the heap proper, not for a mapping of its own

std::vector<std::unique_ptr<std::vector<char>>> pieces(std::size_t count) {
  std::vector<std::unique_ptr<std::vector<char>>> out;
  for (std::size_t i = 0; i < count; ++i) { out.push_back(std::make_unique<std::vector<char>>(kPiece, 1)); }
  return out;
}

TEST(Heap, FreePagesBetweenLiveOnesGoBackBeforeLargerWork) {
  HeapKeeper keeper;
  keeper.before(1);
  auto held = pieces(2048);  // 128 MB
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (i % 8 != 0) {
      held[i].reset();  // holes: the top of the heap stays live
    }
  }
  keeper.after();
  const std::uint64_t holes = current_memory_bytes();
  keeper.before(1);
  EXPECT_EQ(keeper.trims(), 1) << "work that is not larger keeps its pages";
  keeper.before(2);
  EXPECT_EQ(keeper.trims(), 2);
#ifndef __SANITIZE_ADDRESS__  // ASan has a heap of its own
  EXPECT_LT(current_memory_bytes() + 2048 * kPiece / 2, holes);
#else
  EXPECT_GT(holes, 0U);
#endif
}

TEST(Heap, GrowthOverWhatTheLargestWorkLeftIsGivenBack) {
  HeapKeeper keeper;
  keeper.before(5);
  keeper.after();
  const std::int64_t before = keeper.trims();
  keeper.before(3);
  keeper.after();
  EXPECT_EQ(keeper.trims(), before) << "nothing has grown";
  keeper.before(3);
  const auto held = pieces(8192);  // 512 MB
  keeper.after();
  EXPECT_EQ(keeper.trims(), before + 1);
}

// The flags of the mapping that holds the address, as the kernel spells them.
std::string mapping_flags(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      const auto wanted = reinterpret_cast<std::uintptr_t>(address);
      inside = begin <= wanted && wanted < end;
    }
    if (inside && line.rfind("VmFlags:", 0) == 0) { return line + " "; }
  }
  return "";
}

TEST(Heap, LargePagesAreAskedForFromEndToEnd) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage/enabled")) {
    GTEST_SKIP() << "this kernel has no large pages";
  }
  constexpr std::size_t kBytes = 9'000'000;
  const std::unique_ptr<char[]> memory(new char[kBytes]);
  prefer_huge_pages(memory.get(), kBytes);
  for (const std::size_t at : {std::size_t{0}, kBytes / 2, kBytes - 1}) {
    EXPECT_NE(mapping_flags(memory.get() + at).find(" hg "), std::string::npos) << at;
  }
}

}  // namespace
}  // namespace una
