#include "una/base/files/cache_folder.h"

#include <chrono>
#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/files/file_at.h"
#include "una/base/files/files.h"
#include "una/base/files/temporary_file.h"
#include "una/base/testing.h"

namespace una {
namespace {

TEST(CacheFolder, TheFilesUsedLongestAgoGoFirstAndTheKeptOneNever) {
  const std::string folder = test_folder("cache_folder");
  const auto now = std::filesystem::file_time_type::clock::now();
  int hours = 4;
  for (const char* name : {"keep", "old", "middle", "new"}) {
    write_file(folder + "/" + name, std::string(10, 'x'));
    std::filesystem::last_write_time(folder + "/" + name, now - std::chrono::hours(hours--));
  }
  touch_file(folder + "/old");
  trim_cache_folder(folder, folder + "/keep", 40);
  EXPECT_TRUE(is_file(folder + "/middle"));
  trim_cache_folder(folder, folder + "/keep", 25);
  EXPECT_TRUE(is_file(folder + "/keep"));
  EXPECT_TRUE(is_file(folder + "/old")) << "just touched";
  EXPECT_FALSE(is_file(folder + "/middle"));
  EXPECT_FALSE(is_file(folder + "/new"));
  trim_cache_folder(folder, folder + "/keep", 0);
  EXPECT_TRUE(is_file(folder + "/keep"));
  trim_cache_folder(folder + "/missing", "", 0);
}

TEST(CacheFolder, FilesThatAreReadOrWrittenStayAndDeadOnesGo) {
  const std::string folder = test_folder("held");
  for (const char* name : {"read", "free", "left.tmpabc123"}) {
    write_file(folder + "/" + name, "1234567890");
  }
  const TemporaryFile written(folder + "/new");
  {
    const FileAt reader(folder + "/read");
    reader.hold();
    trim_cache_folder(folder, "", 0);
    EXPECT_TRUE(is_file(folder + "/read"));
  }
  EXPECT_FALSE(is_file(folder + "/free"));
  EXPECT_TRUE(is_file(written.path()));
  EXPECT_FALSE(is_file(folder + "/left.tmpabc123")) << "its writer is dead";
  trim_cache_folder(folder, "", 0);
  EXPECT_FALSE(is_file(folder + "/read")) << "no run reads it any more";
}

}  // namespace
}  // namespace una
