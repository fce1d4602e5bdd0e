#include "una/study/stages.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::study {
namespace {

bool is_threads(const std::string& key) { return key == "threads"; }

TEST(Stages, AFinishedStageIsFoundAgainWithItsFacts) {
  const std::string path = test_folder("stages") + "/rounds.json";
  {
    Stages stages(path, "beta: 0.1\nthreads: 1\n", is_threads);
    EXPECT_TRUE(stages.is_new());
    stages.add("sample", Json{{"kl", 2}});
  }
  const Stages again(path, "beta: 0.1\nthreads: 4\n", is_threads);
  EXPECT_FALSE(again.is_new());
  EXPECT_EQ(again.find("sample")->at("kl"), 2);
  EXPECT_EQ(again.find("train"), nullptr);
}

TEST(Stages, OtherSettingsAreRefusedByName) {
  const std::string path = test_folder("stages") + "/other.json";
  { Stages(path, "beta: 0.1\n", is_threads).add("sample", Json::object()); }
  for (const char* now : {"beta: 0.2\n", "beta: 0.1\nnew_key: 1\n"}) {
    try {
      Stages(path, now, is_threads);
      FAIL() << now;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("work that goes on keeps its settings"), std::string::npos);
    }
  }
}

TEST(Stages, AFileThatIsSomethingElseIsRefused) {
  const std::string path = test_folder("stages") + "/foreign.json";
  write_file(path, "{\"a\": 1}");
  EXPECT_THROW(Stages(path, "", is_threads), InputError);
}

}  // namespace
}  // namespace una::study
