#pragma once

#include <cstdint>
#include <string>

namespace una {

// Removes the files of a cache folder that were written (or touched) longest ago until it holds `cap_bytes`
// at most; the file `keep` stays. Files that a process holds (hold_file), or is still writing (TARGET.tmpXXXXXX),
// stay too; what dead writers left goes.
void trim_cache_folder(const std::string& folder, const std::string& keep, std::uint64_t cap_bytes);

// Marks an open file as in use until its descriptor is closed: trim_cache_folder leaves it alone.
void hold_file(int file);

// Makes a file count as just used.
void touch_file(const std::string& path);

}  // namespace una
