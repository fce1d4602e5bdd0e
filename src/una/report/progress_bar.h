#pragma once

#include <cstdint>
#include <string>

namespace una::report {

// One line on a terminal (redrawn at most 10 times a second), nothing elsewhere except a log line at the
// start and end. Work is measured in any unit (tokens for training), so that the time left is weighted by it.
// Only one at a time.
class ProgressBar {
 public:
  ProgressBar(std::string title, double total_work);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void advance(double work, const std::string& note = "");  // note: "loss 0.42"
  void set_total(double total_work);
  double elapsed() const;    // seconds
  double remaining() const;  // seconds, from the work done so far; 0 before any
  void finish();

 private:
  void draw(bool force);
  std::string title_, note_;
  double total_, done_ = 0, start_, last_draw_ = 0;
  bool terminal_, finished_ = false;
};

}  // namespace una::report
