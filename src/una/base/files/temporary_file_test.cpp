#include "una/base/files/temporary_file.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {

TEST(TemporaryFile, TwoWritersOfOneTargetHaveTwoFilesAndBothAreWhole) {
  const std::string target = test_folder("writers") + "/a";
  TemporaryFile first(target), second(target);
  EXPECT_NE(first.path(), second.path());
  first.write("first");
  second.write("second");
  first.publish();
  EXPECT_EQ(read_file(target), "first");
  second.publish();
  EXPECT_EQ(read_file(target), "second");
}

TEST(TemporaryFile, TheNextWriterRemovesWhatADeadOneLeft) {
  const std::string folder = test_folder("dead");
  const TemporaryFile living(folder + "/a");
  for (const char* name : {"a.tmpAbc012", "a.tmpAbc01", "ab.tmpAbc012", "a.tmpAbc-12"}) {
    write_file(folder + "/" + name, "");
  }
  { const TemporaryFile next(folder + "/a"); }
  EXPECT_FALSE(is_file(folder + "/a.tmpAbc012"));
  EXPECT_TRUE(is_file(living.path()));
  EXPECT_TRUE(is_file(folder + "/a.tmpAbc01")) << "not a name of ours";
  EXPECT_TRUE(is_file(folder + "/a.tmpAbc-12")) << "not a name of ours";
  EXPECT_TRUE(is_file(folder + "/ab.tmpAbc012")) << "of another target";
  remove_dead_temporaries(folder, "");
  EXPECT_FALSE(is_file(folder + "/ab.tmpAbc012"));
  EXPECT_TRUE(is_file(living.path()));
}

TEST(TemporaryFile, NamesAreTold) {
  EXPECT_TRUE(is_temporary_name("a.rows.tmpabcdef"));
  EXPECT_FALSE(is_temporary_name(".tmpabcdef"));
  EXPECT_FALSE(is_temporary_name("a.tmp"));
  EXPECT_FALSE(is_temporary_name("atmpabcdef"));
}

TEST(TemporaryFile, AFolderThatIsNotThereIsASentence) {
  EXPECT_THROW(TemporaryFile(test_folder("nowhere") + "/x/a"), InputError);
}

}  // namespace
}  // namespace una
