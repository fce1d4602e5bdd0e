#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <thread>
#include <vector>

#include "una/base/cpus.h"

namespace una::rows {

// `read(i)` for 0 <= i < count on all cores; of several errors the first row's is thrown.
template <class Read>
void for_rows(std::size_t count, const Read& read) {
  constexpr std::size_t kSmall = 64;  // rows a thread should have at least
  const auto cpus = static_cast<std::size_t>(std::max(1, available_cpus()));
  const std::size_t parts = std::clamp<std::size_t>(count / kSmall, 1, cpus);
  std::vector<std::exception_ptr> errors(parts);
  const auto work = [&](std::size_t part) {
    try {
      for (std::size_t i = count * part / parts; i < count * (part + 1) / parts; ++i) { read(i); }
    } catch (...) { errors[part] = std::current_exception(); }
  };
  std::vector<std::thread> threads;
  for (std::size_t part = 1; part < parts; ++part) { threads.emplace_back(work, part); }
  work(0);
  for (std::thread& thread : threads) { thread.join(); }
  for (const std::exception_ptr& error : errors) {
    if (error) { std::rethrow_exception(error); }
  }
}

}  // namespace una::rows
