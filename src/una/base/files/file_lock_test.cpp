#include "una/base/files/file_lock.h"

#include <optional>
#include <string_view>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/testing.h"

namespace una {
namespace {

TEST(FileLock, TheSecondProcessHearsWhoHasIt) {
  const std::string path = test_folder("lock") + "/.lock";
  std::optional<FileLock> first(std::in_place, path, "my-run");
  try {
    const FileLock second(path, "my-run");
    FAIL() << "two owners";
  } catch (const InputError& error) {
    const std::string text = error.what();
    EXPECT_TRUE(starts_with(text, cat("my-run is in use by process ", ::getpid(), " on "))) << text;
  }
  first.reset();
  EXPECT_FALSE(is_file(path));
  const FileLock third(path, "my-run");
}

// Two processes that start together: the second one finds the lock before the first has written who it is.
TEST(FileLock, TheOwnersNameIsWaitedFor) {
  const std::string path = test_folder("early") + "/.lock";
  const int owner = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  ASSERT_EQ(::flock(owner, LOCK_EX | LOCK_NB), 0);
  std::thread writer([&] {
    ::usleep(50'000);
    constexpr std::string_view kLine = "process 7 on elsewhere\n";
    EXPECT_EQ(::write(owner, kLine.data(), kLine.size()), static_cast<ssize_t>(kLine.size()));
  });
  std::string text;
  try {
    const FileLock second(path, "my-run");
  } catch (const InputError& error) { text = error.what(); }
  writer.join();
  ::close(owner);
  EXPECT_TRUE(starts_with(text, "my-run is in use by process 7 on elsewhere;")) << text;
}

TEST(FileLock, AFileThatADeadProcessLeftHindersNobody) {
  const std::string path = test_folder("stale") + "/.lock";
  write_file(path, "process 1 on elsewhere since the year 2000, with a long line that is overwritten\n");
  const FileLock lock(path, "my-run");
  EXPECT_TRUE(starts_with(read_file(path), cat("process ", ::getpid(), " on "))) << read_file(path);
}

TEST(FileLock, AFolderThatIsNotThereIsASentence) {
  EXPECT_THROW(FileLock(test_folder("nowhere") + "/x/.lock", "my-run"), InputError);
}

}  // namespace
}  // namespace una
