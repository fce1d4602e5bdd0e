#pragma once

#include <cstdint>
#include <string>

namespace una {

// Removes the files of a cache folder that were written (or touched) longest ago until it holds `cap_bytes`
// at most; the file `keep` stays.
void trim_cache_folder(const std::string& folder, const std::string& keep, std::uint64_t cap_bytes);

// Makes a file count as just used.
void touch_file(const std::string& path);

}  // namespace una
