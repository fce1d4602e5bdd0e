#include "una/study/workers.h"

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "una/base/os/interrupt.h"

namespace una::study {

void run_at_once(std::size_t count, std::size_t workers, const std::function<void(std::size_t)>& work) {
  std::mutex mutex;
  std::size_t next = 0;
  std::exception_ptr trouble;
  const auto stop_with = [&](const std::exception_ptr& reason) {
    const std::scoped_lock lock(mutex);
    if (!trouble) { trouble = reason; }
  };
  const auto take = [&](std::size_t& mine) {
    const std::scoped_lock lock(mutex);
    if (next == count || trouble) { return false; }
    if (interrupted()) {
      trouble = std::make_exception_ptr(Stopped());
      return false;
    }
    mine = next++;
    return true;
  };
  const auto live = [&] {  // an exception must not leave a thread
    for (std::size_t mine = 0; take(mine);) {
      try {
        work(mine);
      } catch (...) { stop_with(std::current_exception()); }
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < std::min(std::max<std::size_t>(workers, 1), count); ++i) {
    threads.emplace_back(live);
  }
  for (std::thread& thread : threads) { thread.join(); }
  if (trouble) { std::rethrow_exception(trouble); }
}

}  // namespace una::study
