#include "una/base/os/process_limits.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace una {
namespace {

constexpr rlim_t kMB = rlim_t{1} << 20;
constexpr rlim_t kStack = 8 * kMB;       // what a system usually gives
constexpr rlim_t kLeastStack = 1 * kMB;  // parsers of nested text are bounded to use less
constexpr rlim_t kRoom = 96 * kMB;       // for constructors, heaps, threads' stacks and a tiny model

// Address space that is taken now; 0 where the system does not say.
rlim_t address_space() {
  char text[64] = {};
  const int file = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (file < 0) { return 0; }
  const ssize_t size = ::read(file, text, sizeof text - 1);
  ::close(file);
  return size <= 0 ? 0 : std::strtoul(text, nullptr, 10) * static_cast<rlim_t>(::sysconf(_SC_PAGESIZE));
}

// The limit that holds now; RLIM_INFINITY where there is none that matters.
rlim_t raise_stack() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kStack) { return RLIM_INFINITY; }
  limit.rlim_cur = std::min(kStack, limit.rlim_max);
  ::setrlimit(RLIMIT_STACK, &limit);
  pthread_attr_t attributes;
  if (::pthread_attr_init(&attributes) == 0) {
    ::pthread_attr_setstacksize(&attributes, limit.rlim_cur);
    ::pthread_setattr_default_np(&attributes);
    ::pthread_attr_destroy(&attributes);
  }
  return limit.rlim_cur;
}

}  // namespace

const char* problem_of_limits(char* buffer, unsigned long size) {
  const rlim_t stack = raise_stack();
  if (stack < kLeastStack) {
    std::snprintf(buffer, size, "the stack may have %lu kB only; una needs %lu (ulimit -s %lu)", stack >> 10U,
                  kLeastStack >> 10U, kStack >> 10U);
    return buffer;
  }
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) { return nullptr; }
  const rlim_t needed = address_space() + kRoom;
  if (limit.rlim_cur >= needed) { return nullptr; }
  std::snprintf(
      buffer, size,
      "the program may have %lu MB of address space only; the smallest model needs %lu (ulimit -v %lu or more)",
      limit.rlim_cur / kMB, needed / kMB, needed >> 10U);
  return buffer;
}

}  // namespace una
