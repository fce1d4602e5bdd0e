#include "una/base/files/output_rule.h"

#include <filesystem>
#include <functional>
#include <optional>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {
namespace fs = std::filesystem;

std::string refusal(const std::string& path, const OutputRule& rule,
                    const std::vector<std::string>& together_with = {}) {
  try {
    const OutputFile file(path, rule, together_with);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

TEST(OutputRule, AFileThatIsThereIsReplacedOnlyOnRequest) {
  const std::string path = test_folder("there") + "/a";
  EXPECT_EQ(refusal(path, {}), "");
  write_file(path, "x");
  EXPECT_TRUE(
      has(refusal(path, {.flag = "--overwrite"}), "is there already; give another --out, or --overwrite"));
  EXPECT_EQ(refusal(path, {.overwrite = true}), "");
  EXPECT_EQ(read_file(path), "x");
  EXPECT_EQ(std::distance(fs::directory_iterator(fs::path(path).parent_path()), {}), 1)
      << "nothing is left next to it";
}

TEST(OutputRule, AnInputIsRefusedHoweverItIsSpelt) {
  const std::string folder = test_folder("input");
  make_folder(folder + "/model");
  write_file(folder + "/rows", "x");
  write_file(folder + "/model/config.json", "x");
  fs::create_symlink("rows", folder + "/link");
  fs::create_hard_link(folder + "/rows", folder + "/hard");
  const OutputRule rule{.overwrite = true, .inputs = {"", "absent", folder + "/model", folder + "/rows"}};
  for (const char* name : {"/rows", "/link", "/hard", "/./rows", "/model/config.json"}) {
    EXPECT_TRUE(has(refusal(folder + name, rule), "is one of the files to read")) << name;
  }
  EXPECT_EQ(refusal(folder + "/model/new", rule), "");
  EXPECT_TRUE(has(refusal(folder + "/new", rule, {folder + "/rows"}), "/rows is one of the files to read"));
}

TEST(OutputRule, PlacesThatCannotBeWrittenAreFoundAtOnce) {
  const std::string folder = test_folder("place");
  EXPECT_TRUE(has(refusal(folder, {}), "is a folder"));
  EXPECT_TRUE(has(refusal(folder + "/x/a", {}), "is not there"));
  EXPECT_TRUE(has(refusal("/proc/a", {}), "cannot write"));
}

TEST(OutputRule, OneProcessAtATimeButDevicesAreFree) {
  const std::string folder = test_folder("use");
  const OutputFile file(folder + "/a", {}), null("/dev/null", {});
  EXPECT_TRUE(has(refusal(folder + "/a", {}), "/a is in use by process"));
  EXPECT_EQ(refusal("/dev/null", {}), "");
  ASSERT_EQ(::mkfifo((folder + "/pipe").c_str(), 0600), 0);
  EXPECT_EQ(refusal(folder + "/pipe", {}), "");
}

}  // namespace
}  // namespace una
