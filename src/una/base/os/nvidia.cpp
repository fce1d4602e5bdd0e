#include "una/base/os/nvidia.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "una/base/format.h"

namespace una {
namespace {

// What follows `mark` in its line; "": the file is not there or has no such line.
std::string rest_of_line(const std::filesystem::path& path, const std::string& mark) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::size_t at = line.find(mark);
    if (at != std::string::npos) { return line.substr(at + mark.size()); }
  }
  return "";
}

// "UNIX x86_64 Kernel Module  570.86.15  Fri ..." and "... Open Kernel Module for x86_64  565.57.01  ..."
std::string version_in(const std::string& text) {
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const bool is_number = std::isdigit(static_cast<unsigned char>(word[0])) != 0;
    if (is_number && word.find('.') != std::string::npos) { return word; }
  }
  return "";
}

}  // namespace

NvidiaCards nvidia_cards(const std::string& folder) {
  NvidiaCards out;
  out.driver = version_in(rest_of_line(folder + "/version", "Kernel Module"));
  std::error_code error;
  std::vector<std::filesystem::path> cards;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/gpus", error)) {
    cards.push_back(entry.path());
  }
  std::sort(cards.begin(), cards.end());
  for (const std::filesystem::path& card : cards) {
    const std::string rest = rest_of_line(card / "information", "Model:");
    if (const auto model = trim(rest); !model.empty()) { out.models.emplace_back(model); }
  }
  return out;
}

}  // namespace una
