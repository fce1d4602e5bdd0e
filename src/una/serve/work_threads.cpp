#include "una/serve/work_threads.h"

#include <exception>
#include <utility>

#include "una/base/format.h"
#include "una/base/log.h"

namespace una::serve {

WorkThreads::WorkThreads(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { work(); });
  }
}

WorkThreads::~WorkThreads() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) { thread.join(); }
}

void WorkThreads::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
  }
  changed_.notify_all();
}

void WorkThreads::wait_until_idle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.empty() && busy_ == 0; });
}

void WorkThreads::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
    if (waiting_.empty()) { return; }
    std::function<void()> next = std::move(waiting_.front());
    waiting_.pop_front();
    ++busy_;
    lock.unlock();
    try {
      next();
    } catch (const std::exception& error) { log_warning(cat("serve: ", error.what())); }
    next = nullptr;
    lock.lock();
    --busy_;
    if (waiting_.empty() && busy_ == 0) { changed_.notify_all(); }
  }
}

}  // namespace una::serve
