#include "una/recipe/shell/version.h"

#include <torch/headeronly/version.h>

#include "una/base/format.h"
#include "una/base/os/heap.h"
#include "una/kernels/instruction_set.h"

namespace una::recipe {

std::string version_text() {
  return cat("una ", UNA_VERSION, " (", UNA_COMMIT, ")\nLibTorch ", TORCH_VERSION, ", loops for ",
             kernels::instruction_set(), ", ", has_tcmalloc() ? "tcmalloc" : "the C library's malloc", "\n");
}

}  // namespace una::recipe
