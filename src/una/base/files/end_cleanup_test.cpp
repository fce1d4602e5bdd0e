#include "una/base/files/end_cleanup.h"

#include <optional>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "una/base/files/file_lock.h"
#include "una/base/files/files.h"
#include "una/base/files/output_folder.h"
#include "una/base/files/temporary_file.h"
#include "una/base/files/temporary_folder.h"
#include "una/base/testing.h"

namespace una {
namespace {

using Kind = CleanedAtEnd::Kind;

// Runs `work` in a process of its own, which ends without unwinding.
template <class Work>
void end_in_the_middle_of(const Work& work) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    work();
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 2);
}

[[noreturn]] void end() {
  clean_up_at_end();
  ::_exit(2);
}

TEST(EndCleanup, FilesAndFoldersGo) {
  const std::string place = test_folder("end_cleanup");
  make_folder(place + "/empty");
  make_folder(place + "/full/below");
  write_file(place + "/file", "x");
  write_file(place + "/freed", "x");
  for (int i = 0; i < 300; ++i) {
    write_file(place + "/full/a long name of a file " + std::to_string(i), "x");
  }
  make_folder(place + "/kept");
  write_file(place + "/kept/file", "x");
  end_in_the_middle_of([&] {
    const CleanedAtEnd empty(place + "/empty", Kind::kEmptyFolder), kept(place + "/kept", Kind::kEmptyFolder);
    const CleanedAtEnd file(place + "/file", Kind::kFile), full(place + "/full", Kind::kFolderWithFiles);
    std::optional<CleanedAtEnd> freed(std::in_place, place + "/freed", Kind::kFile);
    freed.reset();
    end();
  });
  EXPECT_FALSE(is_folder(place + "/empty"));
  EXPECT_FALSE(is_file(place + "/file"));
  EXPECT_TRUE(is_file(place + "/freed"));
  EXPECT_TRUE(is_file(place + "/kept/file"));
  EXPECT_TRUE(is_folder(place + "/full/below")) << "folders in it stay, and it with them";
  EXPECT_FALSE(is_file(place + "/full/a long name of a file 299"));
}

TEST(EndCleanup, WhatUnaMakesForAWhileNamesItself) {
  const std::string place = test_folder("end_of_work");
  end_in_the_middle_of([&] {
    ::setenv("TMPDIR", place.c_str(), 1);
    const TemporaryFolder temporary;
    write_file(temporary.path() + "/rows", "x");
    const FileLock lock(place + "/.lock", place);
    TemporaryFile file(place + "/file");
    file.write("half");
    const OutputFolderRule rule;
    OutputFolder out(place + "/out", rule);
    out.begin();
    end();
  });
  EXPECT_TRUE(is_empty_folder(place));
}

TEST(EndCleanup, WhatAParentHasStays) {
  const std::string place = test_folder("end_of_a_child");
  const FileLock lock(place + "/.lock", place);
  end_in_the_middle_of([] { end(); });
  EXPECT_TRUE(is_file(place + "/.lock"));
}

TEST(EndCleanup, AFinishedFileStays) {
  const std::string place = test_folder("end_of_a_file");
  end_in_the_middle_of([&] {
    TemporaryFile file(place + "/file");
    file.write("whole");
    file.publish();
    end();
  });
  EXPECT_EQ(read_file(place + "/file"), "whole");
}

}  // namespace
}  // namespace una
