#include "una/base/files.h"

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/hash.h"
#include "una/base/testing.h"

namespace una {
namespace {

TEST(Files, AFailedWriteLeavesTheOldFileAndNoTemporary) {
  const std::string folder = test_folder("files");
  write_file(folder + "/a", "old");
  EXPECT_THROW(write_file_with(folder + "/a",
                               [](const std::string& path) {
                                 write_file(path, "half");
                                 throw InputError("stopped");
                               }),
               InputError);
  EXPECT_EQ(read_file(folder + "/a"), "old");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
}

TEST(Files, AFullDiskIsOneSentence) {
  if (!std::filesystem::exists("/dev/full")) { GTEST_SKIP() << "no /dev/full here"; }
  EXPECT_THROW(write_file("/dev/full/x", "x"), InputError);
}

TEST(Files, MapsWhatWasWritten) {
  const std::string path = test_folder("map") + "/a";
  write_file(path, std::string(10000, 'x'));
  EXPECT_EQ(MappedFile(path).bytes(), std::string(10000, 'x'));
  write_file(path, "");
  EXPECT_EQ(MappedFile(path).size(), 0U);
}

TEST(Files, HashSeparatesFields) {
  EXPECT_NE(Hasher().add("ab").add("c").hex(), Hasher().add("a").add("bc").hex());
  EXPECT_EQ(hash_hex("x").size(), 32U);
}

}  // namespace
}  // namespace una
