#pragma once

#include <string>

namespace una {

// This machine's name, as gethostname says it; "unknown-host" where it does not.
std::string host_name();

}  // namespace una
