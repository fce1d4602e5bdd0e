#include "una/base/log.h"

#include <atomic>
#include <cstdio>
#include <mutex>

#include "una/base/printable.h"

namespace una {
namespace {

std::mutex& log_mutex() {
  static std::mutex mutex;
  return mutex;
}

std::atomic<Verbosity> verbosity_now{Verbosity::kNormal};
LineHook clear_hook = nullptr;
LineHook redraw_hook = nullptr;

void print_line(const std::string& line) {
  const std::lock_guard lock(log_mutex());
  if (clear_hook != nullptr) { clear_hook(); }
  std::fprintf(stderr, "%s\n", printable(line).c_str());
  if (redraw_hook != nullptr) { redraw_hook(); }
}

}  // namespace

void log_info(const std::string& line) {
  if (verbosity_now == Verbosity::kNormal) { print_line(line); }
}

void log_warning(const std::string& line) { print_line("warning: " + line); }

void set_verbosity(Verbosity level) { verbosity_now = level; }

Verbosity verbosity() { return verbosity_now; }

void set_line_hooks(LineHook clear, LineHook redraw) {
  const std::lock_guard lock(log_mutex());
  clear_hook = clear;
  redraw_hook = redraw;
}

}  // namespace una
