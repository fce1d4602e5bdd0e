#include "una/base/log.h"

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <vector>

#include "una/base/log_file.h"
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
std::atomic<bool> held{false};     // lines go to `file` or, until there is one, to `waiting`
std::vector<std::string> waiting;  // guarded by log_mutex(), as is all of this
std::FILE* file = nullptr;

void write_to_file(const std::string& line) {
  std::fprintf(file, "%s\n", line.c_str());
  std::fflush(file);
}

void print_line(const std::string& line) {
  const std::lock_guard lock(log_mutex());
  if (file != nullptr) { return write_to_file(printable(line)); }
  if (held) {
    waiting.push_back(printable(line));
    return;
  }
  if (clear_hook != nullptr) { clear_hook(); }
  std::fprintf(stderr, "%s\n", printable(line).c_str());
  if (redraw_hook != nullptr) { redraw_hook(); }
}

}  // namespace

void log_info(const std::string& line) {
  if (verbosity_now == Verbosity::kNormal || held) { print_line(line); }
}

void log_warning(const std::string& line) { print_line("warning: " + line); }

void set_verbosity(Verbosity level) { verbosity_now = level; }

Verbosity verbosity() { return verbosity_now; }

void hold_log() {
  const std::lock_guard lock(log_mutex());
  held = true;
}

void write_log_to(const std::string& path) {
  {
    const std::lock_guard lock(log_mutex());
    file = std::fopen(path.c_str(), "ae");
    if (file == nullptr) { held = false; }
    for (const std::string& line : waiting) {
      if (file != nullptr) { write_to_file(line); }
    }
    waiting.clear();
    if (file != nullptr) { return; }
  }
  log_warning("cannot write " + path + " (" + std::strerror(errno) + "): the log goes to standard error");
}

void set_line_hooks(LineHook clear, LineHook redraw) {
  const std::lock_guard lock(log_mutex());
  clear_hook = clear;
  redraw_hook = redraw;
}

}  // namespace una
