#include "una/kernels/threads.h"

#include <cstdlib>

#include <ATen/Parallel.h>

#include "una/base/clock.h"
#include "una/base/error.h"

namespace una::kernels {

void set_threads(std::int64_t wanted) {
  constexpr std::int64_t kMost = 1024;  // starting more than a machine has takes minutes, without end above
  check_input(wanted >= 0 && wanted <= kMost, "threads: ", wanted,
              " is not a number from 0 (all processors) to ", kMost);
  // oneDNN keeps the code of its last 1024 products, each length of rows one of its own: 75 KB a piece.
  ::setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "128", /*overwrite=*/0);
  const int threads = wanted > 0 ? static_cast<int>(wanted) : available_cpus();
  at::set_num_threads(threads);
}

}  // namespace una::kernels
