#include "una/base/files/watched_file.h"

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include <gtest/gtest.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {

namespace fs = std::filesystem;

// As cp does: the same inode, other bytes.
void write_over(const std::string& path, const std::string& bytes) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // coarser clocks of file systems
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

std::string complaint() {
  try {
    check_watched_files();
  } catch (const InputError& error) { return error.what(); }
  return "";
}

TEST(WatchedFile, AChangeInPlaceIsNoticedAlsoAfterTheFileWasLetGo) {
  const std::string path = test_folder("watched") + "/model.safetensors";
  write_file(path, "weights");
  std::optional<WatchedFile> watch(std::in_place, path, nullptr, 0);
  EXPECT_EQ(complaint(), "");
  write_over(path, "WEIGHTS");
  EXPECT_EQ(complaint().find(path + " was changed while it was in use"), 0U) << complaint();
  forget_changed_files();
  watch.reset();
  EXPECT_EQ(complaint().find(path), 0U);
  forget_changed_files();
  EXPECT_EQ(complaint(), "");
}

TEST(WatchedFile, AReplacedOrDeletedFileIsNoTrouble) {
  const std::string path = test_folder("replaced") + "/model.safetensors";
  write_file(path, "weights");
  const WatchedFile watch(path, nullptr, 0);
  write_file(path, "others");  // by rename
  EXPECT_EQ(complaint(), "");
  fs::remove(path);
  EXPECT_EQ(complaint(), "");
}

TEST(WatchedFile, ATruncatedMappingEndsWithItsNameAndNotWithABareSignal) {
  const std::string path = test_folder("truncated") + "/model.safetensors";
  write_file(path, std::string(100'000, 'x'));
  const auto read_after_cut = [&] {
    install_bus_error_handler();
    const MappedFile file(path);
    const WatchedFile watch(path, file.data(), file.size());
    fs::resize_file(path, 0);
    const volatile char* bytes = file.data();
    std::_Exit(bytes[50'000] == 'x' ? 3 : 4);
  };
  EXPECT_EXIT(read_after_cut(), ::testing::ExitedWithCode(2), "model.safetensors was cut shorter");
}

}  // namespace
}  // namespace una
