#pragma once

#include <string>

namespace una::hub {

// In lower-case hexadecimal digits. InputError: the file cannot be read.
std::string sha256_of(const std::string& path);
std::string git_blob_id_of(
    const std::string& path);  // SHA-1 of "blob SIZE\0" and the bytes, as `git hash-object`

}  // namespace una::hub
