#include "una/base/files/file_at.h"

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {

TEST(FileAt, PlacesAreReadInAnyOrderAndTheEndIsAnErrorThatNamesTheFile) {
  const std::string folder = test_folder("file_at"), path = folder + "/file_at.bin";
  write_file(path, "0123456789");
  const FileAt file(path);
  EXPECT_EQ(file.size(), 10U);
  EXPECT_EQ(file.read(7, 3), "789");
  EXPECT_EQ(file.read(0, 2), "01");
  EXPECT_EQ(file.read(10, 0), "");
  for (const auto& [offset, count] :
       {std::pair<std::uint64_t, std::size_t>{8, 3}, {11, 0}, {UINT64_MAX, 2}}) {
    try {
      file.read(offset, count);
      ADD_FAILURE() << offset;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find(path + ": it ends at byte 10"), std::string::npos)
          << error.what();
    }
  }
  EXPECT_THROW(FileAt{path + ".no"}, InputError);
  EXPECT_THROW(FileAt{folder}, InputError);
}

}  // namespace
}  // namespace una
