#include "una/base/clock.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include <sys/resource.h>
#include <unistd.h>

namespace una {
namespace {

// The value in kB of a line "Name:   123 kB" of a /proc file.
std::uint64_t proc_kilobytes(const char* path, const std::string& name) {
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line)) {
    if (line.rfind(name + ":", 0) == 0) { return std::stoull(line.substr(name.size() + 1)); }
  }
  return 0;
}

// On the boot clock; none where /proc cannot be read (too many open files).
std::optional<double> process_start_seconds() {
  std::ifstream in("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos || name_end + 2 > text.size()) { return std::nullopt; }
  std::istringstream fields(text.substr(name_end + 2));
  std::string field;
  for (int i = 3; i <= 22 && fields >> field; ++i) {}
  return std::stod(field) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t kernel_peak() { return proc_kilobytes("/proc/self/status", "VmHWM") * 1024; }

std::atomic<std::uint64_t> earlier_peak{0};  // of phases that were taken

}  // namespace

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double process_age_seconds() {
  const std::optional<double> start = process_start_seconds();
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return start ? static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - *start : 0;
}

double unix_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string utc_timestamp(double unix_time) {
  const auto seconds = static_cast<std::time_t>(unix_time);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 40> buffer{};
  std::strftime(buffer.data(), buffer.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return buffer.data();
}

std::uint64_t take_peak_memory() {
  const std::uint64_t peak = kernel_peak();
  earlier_peak = std::max<std::uint64_t>(earlier_peak, peak);
  std::ofstream("/proc/self/clear_refs") << "5\n";  // proc(5): the peak becomes the present resident set
  return peak;
}

std::uint64_t peak_memory_bytes() { return std::max<std::uint64_t>(earlier_peak, kernel_peak()); }

std::uint64_t current_memory_bytes() { return proc_kilobytes("/proc/self/status", "VmRSS") * 1024; }

std::uint64_t available_memory_bytes() { return proc_kilobytes("/proc/meminfo", "MemAvailable") * 1024; }

int process_id() { return ::getpid(); }

}  // namespace una
