#include "una/setup/standard_input.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"
#include "una/rows/rows_testing.h"

namespace una::setup {
namespace {

// What "-" becomes where `bytes` come from standard input.
std::string name_of(const std::string& bytes) {
  const std::string path = test_folder("standard_input") + "/bytes";
  write_file(path, bytes);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  std::vector<std::string> names = {"other.jsonl", "-"};
  std::string kept;
  {
    const StandardInput input(names, file);
    ::close(file);
    EXPECT_EQ(names[0], "other.jsonl");
    EXPECT_EQ(read_file(names[1]), bytes);
    kept = names[1];
  }
  EXPECT_FALSE(is_file(kept));
  return kept.substr(kept.find_last_of('/') + 1);
}

TEST(StandardInput, IsAFileWhoseNameSaysWhatItHolds) {
  EXPECT_EQ(name_of("\n {\"prompt\": \"a\"}\n"), "stdin.jsonl");
  EXPECT_EQ(name_of("[{\"prompt\": \"a\"}]"), "stdin.jsonl");
  EXPECT_EQ(name_of("prompt,label\na,1\n"), "stdin.csv");
  EXPECT_EQ(name_of("PAR1...."), "stdin.parquet");
}

TEST(StandardInput, IsReadOnceAndOnlyWhereItIsNamed) {
  std::vector<std::string> none = {"a.jsonl"}, twice = {"-", "-"};
  { const StandardInput input(none, -1); }
  EXPECT_EQ(none, std::vector<std::string>{"a.jsonl"});
  EXPECT_TRUE(rows::contains(rows::input_error([&] { const StandardInput input(twice, -1); }), "once only"));
  EXPECT_TRUE(rows::contains(rows::input_error([&] { name_of(" \n"); }), "nothing came from standard input"));
  EXPECT_TRUE(rows::contains(rows::input_error([&] { check_no_standard_input(twice); }),
                             "write standard input to a file first"));
  check_no_standard_input(none);
}

}  // namespace
}  // namespace una::setup
