#include "una/containers/split.h"

#include <gtest/gtest.h>

#include "una/containers/containers_testing.h"

namespace una::containers {
namespace {

using Slice = std::pair<std::int64_t, std::int64_t>;

TEST(Split, SlicesAreHuggingFacesOwn) {
  EXPECT_EQ(slice_of("train", 10), Slice(0, 10));
  EXPECT_EQ(slice_of("train[:90%]", 11), Slice(0, 10));  // 9.9 rows: the nearest
  EXPECT_EQ(slice_of("train[90%:]", 11), Slice(10, 11));
  EXPECT_EQ(slice_of("train[-2:]", 11), Slice(9, 11));
  EXPECT_EQ(slice_of("train[-10%:]", 20), Slice(18, 20));
  EXPECT_EQ(slice_of("train[3:500]", 11), Slice(3, 11));
  EXPECT_EQ(slice_of("train[ 25% : 50% ]", 8), Slice(2, 4));
}

TEST(Split, AnotherFormAndAnEmptySliceAreErrors) {
  for (const char* bad :
       {"train[", "train[1]", "train[a:]", "train[:5x]", "train[:101%]", "[1:2]", "train[1:2]x"}) {
    EXPECT_TRUE(contains(input_error([&] { slice_of(bad, 10); }), "is not understood")) << bad;
  }
  EXPECT_TRUE(contains(input_error([] { slice_of("train[5:5]", 10); }), "leaves none of the 10 rows"));
}

}  // namespace
}  // namespace una::containers
