#pragma once

#include <cstdint>
#include <string>

namespace una::report {

// One line on a terminal (redrawn at most 10 times a second), nothing elsewhere except a log line at the
// start and end. Work is measured in any unit (tokens for training), so that the time left is weighted by it.
// Log lines go above it. Only one at a time shows itself: a bar made while another runs stays silent.
class ProgressBar {
 public:
  ProgressBar(std::string title, double total_work);
  ~ProgressBar();  // says where it stopped, if it is not finished
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void advance(double work, const std::string& note = "");  // note: "loss 0.42"
  void set_total(double total_work);
  double elapsed() const;    // seconds
  double remaining() const;  // seconds, from the work done so far; 0 before any
  void finish(const char* outcome = "done");

 private:
  static void clear_hook();
  static void redraw_hook();
  void draw(bool force);
  void end(const char* outcome);
  std::string title_, note_;
  double total_, done_ = 0, start_, last_draw_ = 0;
  bool terminal_, shown_ = false, finished_ = false;
};

}  // namespace una::report
