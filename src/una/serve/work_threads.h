#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace una::serve {

// Runs pieces of work on threads of its own; one thread keeps their order. `post` returns at once, from any thread.
// An exception that a piece of work lets out is logged.
class WorkThreads {
 public:
  explicit WorkThreads(std::size_t threads);
  ~WorkThreads();  // after all that was posted
  WorkThreads(const WorkThreads&) = delete;
  WorkThreads& operator=(const WorkThreads&) = delete;

  void post(std::function<void()> work);
  void wait_until_idle();  // nothing waits and nothing runs

 private:
  void work();

  std::mutex mutex_;  // of what follows but the threads
  std::condition_variable changed_;
  std::deque<std::function<void()>> waiting_;
  std::size_t busy_ = 0;
  bool closed_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace una::serve
