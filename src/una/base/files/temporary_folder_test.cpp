#include "una/base/files/temporary_folder.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {
namespace fs = std::filesystem;

TEST(TemporaryFolder, IsPrivateAndGoesWithItsFilesAndWithThoseOfDeadProcesses) {
  const std::string place = test_folder("place");
  ::setenv("TMPDIR", place.c_str(), 1);
  make_folder(place + "/una-tmp-dead01/x");
  make_folder(place + "/mine");
  std::string path;
  {
    const TemporaryFolder folder, other;
    EXPECT_NE(folder.path(), other.path());
    path = folder.path();
    write_file(path + "/rows", "x");
    EXPECT_EQ(fs::status(path).permissions(), fs::perms::owner_all);
    EXPECT_TRUE(is_file(path + "/rows")) << "the other one took it for a dead process's";
  }
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(fs::exists(place + "/una-tmp-dead01"));
  EXPECT_TRUE(fs::exists(place + "/mine"));
  ::setenv("TMPDIR", (place + "/absent").c_str(), 1);
  EXPECT_THROW(TemporaryFolder(), InputError);
  ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace una
