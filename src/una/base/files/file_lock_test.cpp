#include "una/base/files/file_lock.h"

#include <optional>

#include <gtest/gtest.h>
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
