#include "una/report/progress_bar.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include <sys/ioctl.h>
#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/report/bar_line.h"

namespace una::report {
namespace {

constexpr double kRedrawSeconds = 0.1;

// base/log.h's hooks are plain functions, so the bar that owns the terminal's last line is known here. The
// logger calls them under its own lock: never log or set hooks while holding this mutex.
std::mutex bar_mutex;
ProgressBar* shown_bar = nullptr;
bool line_is_open = false;  // between the hooks: a log line is being written, nothing may be drawn

int terminal_columns() {
  winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') { continue; }
    const std::string locale = value;
    return locale.find("UTF-8") != std::string::npos || locale.find("utf8") != std::string::npos;
  }
  return false;
}

void put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

ProgressBar::ProgressBar(std::string title, double total_work, std::string unit, double done_before)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total_work),
      before_(done_before),
      done_(done_before),
      start_(monotonic_seconds()),
      terminal_(::isatty(STDERR_FILENO) != 0 && verbosity() == Verbosity::kNormal) {
  {
    const std::lock_guard lock(bar_mutex);
    shown_ = shown_bar == nullptr;
    if (shown_) { shown_bar = this; }
  }
  if (!shown_) { return; }
  if (!terminal_) {
    log_info(cat(title_, ": started"));
    return;
  }
  set_line_hooks(clear_hook, redraw_hook);
  const std::lock_guard lock(bar_mutex);
  draw(true);
}

ProgressBar::~ProgressBar() {
  if (!finished_) { end("stopped"); }
}

void ProgressBar::advance(double work, const std::string& note) {
  const std::lock_guard lock(bar_mutex);
  done_ += work;
  if (!note.empty()) { note_ = note; }
  draw(false);
}

void ProgressBar::set_total(double total_work) {
  const std::lock_guard lock(bar_mutex);
  total_ = total_work;
}

void ProgressBar::set_aside(double spent, double ahead) {
  const std::lock_guard lock(bar_mutex);
  aside_ = spent;
  aside_ahead_ = ahead;
}

double ProgressBar::elapsed() const { return monotonic_seconds() - start_; }

double ProgressBar::remaining() const {
  const double here = done_ - before_;
  if (here <= 0) { return 0; }
  return std::max(0.0, elapsed() - aside_) * std::max(0.0, total_ - done_) / here + aside_ahead_;
}

void ProgressBar::finish(const char* outcome) {
  if (!finished_) { end(outcome); }
}

void ProgressBar::end(const char* outcome) {
  finished_ = true;
  if (!shown_) { return; }
  if (terminal_) { set_line_hooks(nullptr, nullptr); }
  {
    const std::lock_guard lock(bar_mutex);
    draw(true);
    if (terminal_) { put("\n"); }
    shown_bar = nullptr;
  }
  if (terminal_) { return; }
  const double left = total_ - done_;
  log_info(cat(title_, ": ", outcome, left > 0 ? " at " + percent(done_, total_) : "", " after ",
               human_seconds(elapsed()), note_.empty() ? "" : ", " + note_));
}

// Called with bar_mutex held.
void ProgressBar::draw(bool force) {
  if (!shown_ || !terminal_ || line_is_open) { return; }
  const double now = monotonic_seconds();
  if (!force && now - last_draw_ < kRedrawSeconds) { return; }
  last_draw_ = now;
  const BarState state{.title = title_,
                       .note = note_,
                       .unit = unit_,
                       .done = done_,
                       .total = total_,
                       .elapsed = elapsed(),
                       .remaining = remaining()};
  // The last column stays free: some terminals wrap as soon as it is written.
  put(cat("\r", bar_line(state, terminal_columns() - 1, speaks_utf8()), "\x1b[K"));
}

void ProgressBar::clear_hook() {
  const std::lock_guard lock(bar_mutex);
  if (shown_bar == nullptr) { return; }
  put("\r\x1b[K");
  line_is_open = true;
}

void ProgressBar::redraw_hook() {
  const std::lock_guard lock(bar_mutex);
  line_is_open = false;
  if (shown_bar != nullptr) { shown_bar->draw(true); }
}

}  // namespace una::report
