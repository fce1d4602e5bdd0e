#pragma once

#include <cstdint>
#include <string>

namespace una::report {

// One line on a terminal (redrawn at most 10 times a second), nothing elsewhere except a log line at the
// start and end. Work is measured in any unit (tokens for training), so that the time left is weighted by it.
// Log lines go above it. Only one at a time shows itself: a bar made while another runs stays silent.
class ProgressBar {
 public:
  // `unit`: what is counted ("tokens"). `done_before`: of the total, by an earlier process; it counts in the share, not in
  // the time left.
  ProgressBar(std::string title, double total_work, std::string unit = "", double done_before = 0);
  ~ProgressBar();  // says where it stopped, if it is not finished
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void advance(double work, const std::string& note = "");  // note: "loss 0.42"
  void set_total(double total_work);
  // Seconds that went to something other than the work, and those that still will: they count in the time left, but not
  // in the speed of the work.
  void set_aside(double spent, double ahead);
  double elapsed() const;    // seconds
  double remaining() const;  // seconds, from the work done so far and what was set aside; 0 before any work
  void finish(const char* outcome = "done");

 private:
  static void clear_hook();
  static void redraw_hook();
  void draw(bool force);
  void end(const char* outcome);
  std::string title_, unit_, note_;
  double total_, before_, done_, start_, last_draw_ = 0, aside_ = 0, aside_ahead_ = 0;
  bool terminal_, shown_ = false, finished_ = false;
};

}  // namespace una::report
