#include "una/dist/gang.h"

#include <cstdlib>

#include "una/base/error.h"

namespace una::dist {

void SoloGang::abort(int exit_code) noexcept { std::_Exit(exit_code); }

std::unique_ptr<Gang> make_gang() {
  for (const std::string name : {"OMPI_COMM_WORLD_SIZE", "WORLD_SIZE", "SLURM_NTASKS"}) {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr || (name == "SLURM_NTASKS" && std::getenv("SLURM_STEP_ID") == nullptr)) { continue; }
    check_input(std::atoi(value) <= 1, name, " is ", value,
                ", but this build trains in one process: start una without the launcher");
  }
  return std::make_unique<SoloGang>();
}

}  // namespace una::dist
