#include "una/dist/gang.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::dist {
namespace {

TEST(Gang, OneProcessIsAGangOfOneAndManyAreRefused) {
  EXPECT_EQ(make_gang()->size(), 1);
  EXPECT_EQ(make_gang()->sum(2.5), 2.5);
  setenv("WORLD_SIZE", "2", 1);
  EXPECT_THROW(make_gang(), InputError);
  unsetenv("WORLD_SIZE");
}

}  // namespace
}  // namespace una::dist
