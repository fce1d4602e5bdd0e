#pragma once

#include <string_view>

// Files that are part of the program: see CMakeLists.txt of this room.
namespace una::text {

extern const std::string_view kChatml, kGemma, kLlama3, kQwen25;

}  // namespace una::text
