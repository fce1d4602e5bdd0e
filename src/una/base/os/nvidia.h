#pragma once

#include <string>
#include <vector>

namespace una {

// What NVIDIA's kernel driver says of this machine, from the files below /proc/driver/nvidia; no library is
// loaded.
struct NvidiaCards {
  std::string driver;               // "570.86.15"; empty: no driver
  std::vector<std::string> models;  // "NVIDIA H200", one a card, by bus address
};

NvidiaCards nvidia_cards(const std::string& folder = "/proc/driver/nvidia");

}  // namespace una
