#include "una/base/format.h"

#include <gtest/gtest.h>

namespace una {
namespace {

TEST(Format, Numbers) {
  EXPECT_EQ(fixed(3.14159, 2), "3.14");
  EXPECT_EQ(thousands(-1234567), "-1,234,567");
  EXPECT_EQ(thousands(123), "123");
  EXPECT_EQ(human_bytes(1536), "1.5 KB");
  EXPECT_EQ(human_seconds(3725), "1:02:05");
  EXPECT_EQ(human_seconds(59.6), "1:00");
  EXPECT_EQ(percent(1, 8), "12.5 %");
  EXPECT_EQ(percent(1, 0), "0.0 %");
}

TEST(Format, SplitJoinTrim) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(trim(" \n x y\t"), "x y");
  EXPECT_EQ(trim("  "), "");
}

TEST(Format, NearestNameOrNothing) {
  EXPECT_EQ(nearest_name("max_lenght", {"max_length", "max_steps"}), "max_length");
  EXPECT_EQ(nearest_name("overwrite", {"max_steps", "overwrite_output_dir"}), "overwrite_output_dir");
  EXPECT_EQ(nearest_name("gradient", {"gradient_checkpointing", "gradient_accumulation_steps"}), "");
  EXPECT_EQ(nearest_name("zebra", {"max_length", "max_steps"}), "");
  EXPECT_EQ(nearest_name("out_dir", {"max_steps", "output_dir"}), "output_dir");
}

}  // namespace
}  // namespace una
