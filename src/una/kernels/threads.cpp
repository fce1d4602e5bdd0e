#include "una/kernels/threads.h"

#include <cstdlib>
#include <cstring>
#include <optional>

#include <ATen/Parallel.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/cpus.h"
#include "una/kernels/company.h"

namespace una::kernels {
namespace {

// oneDNN keeps the code of the last 1024 products of bf16, and LibTorch the descriptions of as many a thread: up to half
// a megabyte a piece, and each number of tokens has pieces of its own. 32 serve the layers of one micro-batch, which have
// equal shapes; more were not faster in training.
void keep_few_products() {
  for (const char* name : {"ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"}) {
    ::setenv(name, "32", /*overwrite=*/0);
  }
}

// UNA_WAIT_POLICY (cli/wait_policy.h) may ask for one way to wait, whoever else computes.
bool watches_company() {
  const char* policy = std::getenv("UNA_WAIT_POLICY");
  return policy == nullptr || std::strcmp(policy, "auto") == 0;
}

}  // namespace

void check_threads(std::int64_t wanted) {
  constexpr std::int64_t kMost = 4096;
  check_input(wanted >= 0 && wanted <= kMost,
              "threads must be 0 (as many as there are processors) or at most ", kMost, ", not ", wanted);
}

void set_threads(std::int64_t wanted) {
  check_threads(wanted);
  keep_few_products();
  const CpuCount cpus = count_cpus();
  if (wanted == 0 && cpus.usable() < cpus.host) { log_info(cat("threads    ", cpus.text())); }
  const int threads = wanted > 0 ? static_cast<int>(wanted) : cpus.usable();
  at::set_num_threads(threads);
  static std::optional<CompanyWatch> watch;
  watch.reset();
  if (watches_company()) { watch.emplace(threads); }
}

}  // namespace una::kernels
