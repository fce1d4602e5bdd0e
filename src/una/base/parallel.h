#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

#include "una/base/os/cpus.h"

namespace una {

// Calls `work(i)` for 0 <= i < count on all cores. If several calls throw, the exception of the smallest i is
// rethrown. Work on few items stays on the calling thread.
template <class Work>
void for_each_index(std::size_t count, const Work& work) {
  constexpr std::size_t kSmall = 64;  // items that a thread should have at least
  const auto cpus = static_cast<std::size_t>(std::max(1, available_cpus()));
  const std::size_t parts = std::clamp<std::size_t>(count / kSmall, 1, cpus);
  std::vector<std::exception_ptr> errors(parts);
  const auto run = [&](std::size_t part) {
    try {
      for (std::size_t i = count * part / parts; i < count * (part + 1) / parts; ++i) { work(i); }
    } catch (...) { errors[part] = std::current_exception(); }
  };
  std::vector<std::thread> threads;
  for (std::size_t part = 1; part < parts; ++part) { threads.emplace_back(run, part); }
  run(0);
  for (std::thread& thread : threads) { thread.join(); }
  for (const std::exception_ptr& error : errors) {
    if (error) { std::rethrow_exception(error); }
  }
}

}  // namespace una
