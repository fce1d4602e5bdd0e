#include "una/dist/gang.h"

#include <cstdlib>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::dist {

void SoloGang::abort(int exit_code) noexcept { std::_Exit(exit_code); }

std::unique_ptr<Gang> make_gang() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "WORLD_SIZE", "SLURM_NTASKS"}) {
    const char* value = std::getenv(name);
    check_input(value == nullptr || std::atoi(value) <= 1, "the launcher asks for ",
                value == nullptr ? "" : value, " ranks (", name,
                "), but this build trains in one process: start una without the launcher");
  }
  return std::make_unique<SoloGang>();
}

}  // namespace una::dist
