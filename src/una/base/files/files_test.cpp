#include "una/base/files/files.h"

#include <cstdlib>
#include <filesystem>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

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

TEST(Files, AFailedRenameIsToldWithItsOwnReason) {
  const std::string folder = test_folder("rename");
  make_folder(folder + "/a");
  try {
    write_file_with(folder + "/a", [&](const std::string&) {});
    FAIL() << "a folder was replaced";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), (folder + "/a is a folder, a file is needed").c_str());
  }
  try {  // the folder comes while the file is being written
    write_file_with(folder + "/c", [&](const std::string&) { make_folder(folder + "/c/d"); });
    FAIL() << "a folder was replaced";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), ("cannot write " + folder + "/c: Is a directory").c_str());
  }
}

TEST(Files, AnErrorOfTheDiskAtTheEndIsRead) {
  // /dev/full cannot be replaced, so it is written to; what fails there has its name.
  if (!std::filesystem::exists("/dev/full")) { GTEST_SKIP() << "no /dev/full here"; }
  try {
    write_file("/dev/full", "x");
    FAIL() << "a full disk went unnoticed";
  } catch (const InputError& error) {
    EXPECT_STREQ(error.what(), "cannot write /dev/full: No space left on device");
  }
}

TEST(Files, ADeviceOrPipeIsWrittenToAndNotReplaced) {
  const std::string folder = test_folder("device");
  const std::string pipe = folder + "/pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  write_file(pipe, "abc");
  char bytes[4] = {};
  EXPECT_EQ(::read(reader, bytes, 3), 3);
  EXPECT_STREQ(bytes, "abc");
  write_file_with(pipe, [&](const std::string& path) { EXPECT_EQ(path, pipe); });
  ::close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
  write_file("/dev/null", "abc");
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(Files, TheTargetOfALinkIsReplacedAndTheLinkStays) {
  const std::string folder = test_folder("link");
  make_folder(folder + "/far");
  std::filesystem::create_symlink("far/a", folder + "/link");  // it leads to nothing yet
  for (const char* text : {"one", "two"}) {
    write_file(folder + "/link", text);
    EXPECT_TRUE(std::filesystem::is_symlink(folder + "/link"));
    EXPECT_EQ(read_file(folder + "/far/a"), text);
  }
  std::filesystem::create_symlink("loop", folder + "/loop");
  EXPECT_THROW(write_file(folder + "/loop", "x"), InputError);
}

TEST(Files, ReadsWhatHasNoSizeAndTellsWhyItCannot) {
  EXPECT_FALSE(read_file("/proc/self/status").empty());
  EXPECT_EQ(read_file("/dev/null"), "");
  try {
    read_file(test_folder("absent") + "/a");
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("/a: No such file or directory"), std::string::npos);
  }
  EXPECT_THROW(read_file("/dev/zero"), InputError) << "without an end";
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
