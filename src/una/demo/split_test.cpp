#include "una/demo/split.h"

#include <map>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::demo {
namespace {

std::vector<std::string> numbers(std::int64_t n, Split split) {
  return draw_prompts(n, 1, split, "split_test", [](Rng& rng) {
    const std::string number = std::to_string(rng.below(1000));
    return KeyedPrompt{number, number};
  });
}

TEST(Split, PromptsAreShared60To25To15) {
  std::map<Split, int> parts;
  for (int i = 0; i < 10000; ++i) { ++parts[split_of("prompt " + std::to_string(i))]; }
  EXPECT_NEAR(parts[Split::kTrain], 6000, 200);
  EXPECT_NEAR(parts[Split::kFeedback], 2500, 200);
  EXPECT_NEAR(parts[Split::kHeldOut], 1500, 200);
}

TEST(Split, MorePromptsThanThereAreAreRefused) {
  const std::vector<std::string> some = numbers(100, Split::kHeldOut);
  EXPECT_EQ(some.size(), 100U);
  try {
    numbers(300, Split::kHeldOut);
    FAIL() << "about 150 of 1,000 are held out";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("the task has about 1"), std::string::npos) << error.what();
  }
  EXPECT_THROW(numbers(-1, Split::kTrain), InputError);
  EXPECT_THROW(numbers(100001, Split::kTrain), InputError);
}

}  // namespace
}  // namespace una::demo
