#pragma once

#include <string>

// Texts to read, for tests.
namespace una::containers {

std::string gzip(const std::string& text);
std::string zstd(const std::string& text);
std::string long_text();  // lines of rows, longer than the readers' blocks, packed and unpacked

}  // namespace una::containers
