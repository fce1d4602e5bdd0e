#include "una/study/grid/seed_data.h"

#include <cmath>
#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/json_line.h"
#include "una/base/testing.h"
#include "una/study/grid/cells.h"

namespace una::study {
namespace {

StudyOptions options_in(const std::string& folder) {
  StudyOptions options;
  options.output_dir = folder;
  options.feedback_prompts = 2;
  options.held_out_prompts = 2;
  return options;
}

// seed.json of that study, with so many answers to the prompts that get feedback.
void write_seed(const StudyOptions& options, std::size_t answers) {
  Json texts = Json::array();
  for (std::size_t i = 0; i < answers; ++i) { texts.push_back("answer " + std::to_string(i)); }
  const std::string folder = options.output_dir + "/" + seed_job({"dialogue", 4});
  std::filesystem::create_directories(folder);
  write_file(folder + "/seed.json", json_line(Json{{"settings", seed_settings(options, {"dialogue", 4})},
                                                   {"answers", texts},
                                                   {"gold_before", {0.1, 0.2, 0.3, 0.4}},
                                                   {"prompt_ids", {{1, 2}}},
                                                   {"answer_ids", {{3}}},
                                                   {"gold", {0.5}},
                                                   {"logps", {-1.5}}}));
}

TEST(SeedData, AnswersAreOfTheirPromptsInOrder) {
  const StudyOptions options = options_in(test_folder("seed_data"));
  EXPECT_FALSE(has_seed(options, {"dialogue", 4}));
  const auto each = static_cast<std::size_t>(DemoSizes{}.samples_per_prompt);
  write_seed(options, 2 * each);
  EXPECT_TRUE(has_seed(options, {"dialogue", 4}));
  const SeedData data = read_seed(options, {"dialogue", 4});
  ASSERT_EQ(data.answers.size(), 2U);
  EXPECT_EQ(data.answers[1].size(), each);
  EXPECT_EQ(data.answers[1][0], "answer " + std::to_string(each));
  EXPECT_EQ(data.prompts.size(), 2U);
  EXPECT_EQ(data.held_out.size(), 2U);
  EXPECT_NE(data.prompts[0], data.held_out[0]) << "prompts of two splits";
  EXPECT_EQ(data.judged_logps, std::vector<double>{-1.5});
  EXPECT_EQ(data.judged.answer_ids[0], std::vector<std::int32_t>{3});
}

TEST(SeedData, LevelsOfPromptsAreToldFromTheSpreadInsideThem) {
  const GoldSpread same = gold_spread({0.4, 0.6, 0.6, 0.4, 0.4, 0.6}, 2);
  EXPECT_DOUBLE_EQ(same.mean, 0.5);
  EXPECT_NEAR(same.inside, std::sqrt(0.02), 1e-12);
  EXPECT_EQ(same.between, 0);
  const GoldSpread levels = gold_spread({0.1, 0.3, 0.7, 0.9}, 2);
  EXPECT_NEAR(levels.inside, std::sqrt(0.02), 1e-12);
  EXPECT_NEAR(levels.between, std::sqrt(0.18 - 0.01), 1e-12);
}

TEST(SeedData, ASeedOfOtherSizesIsRefused) {
  StudyOptions options = options_in(test_folder("seed_data_other"));
  const auto each = static_cast<std::size_t>(DemoSizes{}.samples_per_prompt);
  write_seed(options, 2 * each);
  options.sft_answers += 1;
  EXPECT_THROW(read_seed(options, {"dialogue", 4}), InputError);
  options = options_in(options.output_dir);
  write_seed(options, 2 * each - 1);
  EXPECT_THROW(read_seed(options, {"dialogue", 4}), InputError) << "an answer is missing";
  EXPECT_THROW(read_seed(options, {"dialogue", 5}), InputError) << "no file";
}

}  // namespace
}  // namespace una::study
