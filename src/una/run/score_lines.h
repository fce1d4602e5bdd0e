#pragma once

#include <functional>
#include <string>

#include "una/base/json.h"
#include "una/dist/gang.h"

namespace una::run {

// Calls `work` on every rank with the function that takes the lines of the file `path`. Rank 0 writes them (the file
// appears whole or not at all), the others drop what they are given.
void write_lines_of_all(const std::string& path, const dist::Gang& gang,
                        const std::function<void(const std::function<void(const Json& line)>& write)>& work);

}  // namespace una::run
