#include "una/hub/checksum.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una::hub {
namespace {

// `sha256sum` and `git hash-object` of a file that holds "abc\n", and of an empty one.
TEST(Checksum, IsThatOfTheUsualTools) {
  const std::string folder = test_folder("checksum"), path = folder + "/abc", empty = folder + "/empty";
  write_file(path, "abc\n");
  write_file(empty, "");
  EXPECT_EQ(sha256_of(path), "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb");
  EXPECT_EQ(git_blob_id_of(path), "8baef1b4abc478178b004d62031cf7fe6db6f903");
  EXPECT_EQ(sha256_of(empty), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(git_blob_id_of(empty), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  EXPECT_THROW(sha256_of(folder + "/none"), InputError);
}

}  // namespace
}  // namespace una::hub
