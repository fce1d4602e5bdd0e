#include "una/kernels/threads.h"

#include <cstdlib>

#include <ATen/Parallel.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/cpus.h"

namespace una::kernels {

void check_threads(std::int64_t wanted) {
  constexpr std::int64_t kMost = 4096;
  check_input(wanted >= 0 && wanted <= kMost,
              "threads must be 0 (as many as there are processors) or at most ", kMost, ", not ", wanted);
}

void set_threads(std::int64_t wanted) {
  check_threads(wanted);
  // oneDNN keeps the code of its last 1024 products, each length of rows one of its own: 75 KB a piece.
  ::setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128", /*overwrite=*/0);
  const CpuCount cpus = count_cpus();
  if (wanted == 0 && cpus.usable() < cpus.host) { log_info(cat("threads    ", cpus.text())); }
  at::set_num_threads(wanted > 0 ? static_cast<int>(wanted) : cpus.usable());
}

}  // namespace una::kernels
