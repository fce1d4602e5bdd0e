#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "una/dist/gang.h"

namespace una::dist::testing {

class Meeting;

// A gang whose ranks are threads of a test. Its collectives are exact: each element is added in rank order.
class ThreadGang {
 public:
  explicit ThreadGang(int size);
  ~ThreadGang();
  int size() const { return static_cast<int>(ranks_.size()); }
  Gang& rank(int rank) { return *ranks_[static_cast<std::size_t>(rank)]; }
  // Runs `work` on every rank at once, rank 0 on the calling thread, and waits for all. A rank that throws does
  // not leave the others waiting: theirs is an InternalError, and the caller gets the first rank's own.
  void run(const std::function<void(Gang& gang)>& work);

 private:
  std::unique_ptr<Meeting> meeting_;
  std::vector<std::unique_ptr<Gang>> ranks_;
};

}  // namespace una::dist::testing
