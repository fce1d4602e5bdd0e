#include "una/base/os/process_limits.h"

#include <algorithm>
#include <cstdint>
#include <fstream>

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include "una/base/error.h"

namespace una {
namespace {

constexpr rlim_t kStack = rlim_t{8} << 20;       // what a system usually gives
constexpr rlim_t kLeastStack = rlim_t{1} << 20;  // parsers of nested text are bounded to use less
constexpr rlim_t kRoom =
    rlim_t{256} << 20;  // address space for threads' stacks and heaps, and for a small model

// Address space that is taken now; 0 where the system does not say.
rlim_t address_space() {
  std::uint64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  return pages * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

void raise_stack() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kStack) { return; }
  limit.rlim_cur = std::min(kStack, limit.rlim_max);
  ::setrlimit(RLIMIT_STACK, &limit);
  check_input(limit.rlim_cur >= kLeastStack, "the stack may have ", limit.rlim_cur >> 10U,
              " kB only; una needs ", kLeastStack >> 10U, " (ulimit -s ", kStack >> 10U, ")");
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) != 0) { return; }
  ::pthread_attr_setstacksize(&attributes, limit.rlim_cur);
  ::pthread_setattr_default_np(&attributes);
  ::pthread_attr_destroy(&attributes);
}

void check_address_space() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) { return; }
  const rlim_t needed = address_space() + kRoom;
  check_input(limit.rlim_cur >= needed, "the program may have ", limit.rlim_cur >> 20U,
              " MB of address space only; the smallest model needs ", needed >> 20U, " (ulimit -v ",
              needed >> 10U, " or more)");
}

}  // namespace

void check_process_limits() {
  raise_stack();
  check_address_space();
}

}  // namespace una
