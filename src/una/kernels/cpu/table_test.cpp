#include "una/kernels/cpu/table.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

namespace una::kernels::cpu {
namespace {

TEST(Table, AlwaysOffersTheDefaultLoops) {
  ASSERT_NE(tables_named("default"), nullptr);
  EXPECT_EQ(tables_named("nonsense"), nullptr);
}

TEST(Table, TakesWhatTheEnvironmentNamesElseTheWidest) {
  const char* forced = std::getenv("UNA_CPU_ISA");
  const std::string chosen = tables().name;
  if (forced != nullptr && *forced != '\0') {
    EXPECT_EQ(chosen, forced);
    return;
  }
  const Tables* widest = nullptr;
  for (const char* name : {"default", "avx2", "avx512", "avx512_bf16"}) {
    if (const Tables* found = tables_named(name)) { widest = found; }
  }
  EXPECT_EQ(&tables(), widest);
}

}  // namespace
}  // namespace una::kernels::cpu
