#include "una/base/os/run_delay.h"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

namespace una {
namespace {

// The second number of a thread's schedstat: nanoseconds on a run queue. 0 for a thread that has just ended.
double delay_of(const char* thread) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/self/task/%.20s/schedstat", thread);
  const int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (file < 0) { return 0; }
  std::array<char, 96> text{};
  const ssize_t length = ::read(file, text.data(), text.size() - 1);
  ::close(file);
  const char* second = length > 0 ? std::strchr(text.data(), ' ') : nullptr;
  return second != nullptr ? static_cast<double>(std::strtoull(second, nullptr, 10)) * 1e-9 : 0;
}

}  // namespace

double run_delay_seconds() {
  DIR* threads = ::opendir("/proc/self/task");
  if (threads == nullptr) { return 0; }
  double sum = 0;
  while (const dirent* entry = ::readdir(threads)) {
    if (entry->d_name[0] != '.') { sum += delay_of(entry->d_name); }
  }
  ::closedir(threads);
  return sum;
}

}  // namespace una
