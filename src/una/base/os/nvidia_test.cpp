#include "una/base/os/nvidia.h"

#include <filesystem>

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {

TEST(Nvidia, ReadsTheDriverAndItsCards) {
  const std::string folder = test_folder("nvidia");
  write_file(folder + "/version",
             "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Fri Jan  1 2025\n"
             "GCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n");
  for (const char* card : {"0000:1b:00.0", "0000:04:00.0"}) {
    std::filesystem::create_directories(folder + "/gpus/" + card);
    write_file(folder + "/gpus/" + card + "/information",
               std::string("Model: \t\t NVIDIA ") + (card[5] == '1' ? "H200" : "L4") + "\nIRQ:   \t\t 77\n");
  }
  const NvidiaCards cards = nvidia_cards(folder);
  EXPECT_EQ(cards.driver, "570.86.15");
  EXPECT_EQ(cards.models, (std::vector<std::string>{"NVIDIA L4", "NVIDIA H200"}));
}

TEST(Nvidia, KnowsTheOpenModulesSpelling) {
  const std::string folder = test_folder("nvidia_open");
  write_file(folder + "/version",
             "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  565.57.01  Release Build\n");
  EXPECT_EQ(nvidia_cards(folder).driver, "565.57.01");
}

TEST(Nvidia, SaysNothingWhereThereIsNoDriver) {
  const NvidiaCards cards = nvidia_cards(test_folder("nvidia_none") + "/absent");
  EXPECT_TRUE(cards.driver.empty() && cards.models.empty());
}

}  // namespace
}  // namespace una
