#include "una/containers/file_names.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "una/containers/containers_testing.h"

namespace una::containers {
namespace {

TEST(FileNames, FoldersAndPatternsStandForTheirFilesInOrder) {
  const std::string folder = test_folder("file_names");
  for (const char* name : {"b.jsonl.gz", "a.csv", "c.json", "d.tsv.zst", "notes.txt", "e.jsonl.bak"}) {
    write_rows(folder, name, "x");
  }
  const auto at = [&](std::vector<std::string> names) {
    for (std::string& name : names) { name.insert(0, folder + "/"); }
    return names;
  };
  EXPECT_EQ(expand_names({folder}), at({"a.csv", "b.jsonl.gz", "c.json", "d.tsv.zst"}));
  EXPECT_EQ(expand_names(at({"*.j*", "a.csv"})), at({"b.jsonl.gz", "c.json", "e.jsonl.bak", "a.csv"}));
  EXPECT_EQ(expand_names(at({"{c,a}.*"})), at({"c.json", "a.csv"}));
  const std::string odd = folder + "/odd[1].json";  // a name that is a pattern too
  write_rows(folder, "odd[1].json", "x");
  EXPECT_EQ(expand_names({odd}), std::vector<std::string>{odd});
}

TEST(FileNames, NothingFoundIsAnInputError) {
  const std::string folder = test_folder("file_names_none");
  EXPECT_TRUE(contains(input_error([&] { expand_names({folder}); }), "has no .jsonl"));
  EXPECT_TRUE(contains(input_error([&] { expand_names({folder + "/*.jsonl"}); }), "no file fits"));
  EXPECT_TRUE(contains(input_error([&] { expand_names({folder + "/a.jsonl"}); }), "there is no file"));
  EXPECT_TRUE(contains(input_error([&] { expand_names({"/dev/null"}); }), "/dev/null is a pipe or a device"));
  EXPECT_TRUE(contains(input_error([] { expand_names({"trl-lib/ultrafeedback"}); }),
                       "una downloads nothing: hf download trl-lib/ultrafeedback --repo-type dataset"));
  EXPECT_FALSE(contains(input_error([] { expand_names({"data/rows.jsonl"}); }), "hf download"));
}

TEST(FileNames, ALinkThatLeadsNowhereIsTold) {
  const std::string folder = test_folder("file_names_links");
  write_rows(folder, "a.jsonl", "x");
  std::filesystem::create_symlink("circle", folder + "/circle");  // no name of rows
  EXPECT_EQ(expand_names({folder}).size(), 1U);
  for (const char* target : {"b.jsonl", "missing"}) {
    std::filesystem::remove(folder + "/b.jsonl");
    std::filesystem::create_symlink(target, folder + "/b.jsonl");
    EXPECT_TRUE(contains(input_error([&] { expand_names({folder}); }), "cannot read " + folder + "/b.jsonl"))
        << target;
  }
}

}  // namespace
}  // namespace una::containers
