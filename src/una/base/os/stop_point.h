#pragma once

namespace una {

// For commands that have nothing to save when a signal comes (merge, export): while a StopScope lives,
// stop_point() throws Interrupted after the first signal, so that what was begun is removed and the command ends.
// Without one it does nothing: a checkpoint that is being written is written to its end.
class StopScope {
 public:
  StopScope();
  ~StopScope();
  StopScope(const StopScope&) = delete;
  StopScope& operator=(const StopScope&) = delete;
};

void stop_point();

}  // namespace una
