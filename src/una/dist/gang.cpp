#include "una/dist/gang.h"

#include <cstdlib>

#include "una/base/error.h"
#include "una/dist/launch.h"

namespace una::dist {

void SoloGang::abort(int exit_code) noexcept { std::_Exit(exit_code); }

std::unique_ptr<Gang> make_gang() {
  const Launch launch = read_launch({}, {}, process_variable);
  check_input(launch.size == 1, launch.by, " started ", launch.size,
              " ranks, but this build trains in one process: start una without the launcher");
  return std::make_unique<SoloGang>();
}

}  // namespace una::dist
