#include "una/dist/gang.h"

#include <cstdlib>

#include "una/dist/ranks.h"

namespace una::dist {

void SoloGang::abort(int exit_code) noexcept { std::_Exit(exit_code); }

std::unique_ptr<Gang> make_gang() {
  check_one_process("this command");
  return std::make_unique<SoloGang>();
}

}  // namespace una::dist
