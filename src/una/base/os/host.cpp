#include "una/base/os/host.h"

#include <array>

#include <unistd.h>

namespace una {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown-host";
}

}  // namespace una
