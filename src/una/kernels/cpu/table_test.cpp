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
  const Tables* widest = tables_named("avx512") != nullptr ? tables_named("avx512") : tables_named("avx2");
  EXPECT_EQ(&tables(), widest != nullptr ? widest : tables_named("default"));
}

}  // namespace
}  // namespace una::kernels::cpu
