#pragma once

#include <string>
#include <string_view>

namespace una {

// Writes all bytes to a descriptor, through short writes and interruptions. InputError: "cannot write SHOWN: why".
void write_all(int file, std::string_view bytes, const std::string& shown);

}  // namespace una
