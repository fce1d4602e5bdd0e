#include "una/generate/slot_pool.h"

#include <iterator>

#include "una/base/error.h"

namespace una::generate {

void SlotPool::grow(std::int64_t slots) {
  if (slots <= slots_) { return; }
  const std::int64_t old = slots_;
  slots_ = slots;
  give_back(old, slots - old);
}

std::int64_t SlotPool::take(std::int64_t count) {
  if (count == 0) { return 0; }
  for (auto run = free_.begin(); run != free_.end(); ++run) {
    const auto [begin, size] = *run;
    if (size < count) { continue; }
    free_.erase(run);
    if (size > count) { free_.emplace(begin + count, size - count); }
    return begin;
  }
  return -1;
}

void SlotPool::give_back(std::int64_t begin, std::int64_t count) {
  if (count == 0) { return; }
  check(begin >= 0 && begin + count <= slots_, "SlotPool: a run outside the pool");
  auto next = free_.lower_bound(begin);
  check(next == free_.end() || begin + count <= next->first, "SlotPool: slots given back twice");
  if (next != free_.end() && begin + count == next->first) {
    count += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    check(before->first + before->second <= begin, "SlotPool: slots given back twice");
    if (before->first + before->second == begin) {
      before->second += count;
      return;
    }
  }
  free_.emplace(begin, count);
}

std::int64_t SlotPool::free_slots() const {
  std::int64_t total = 0;
  for (const auto& [begin, count] : free_) { total += count; }
  return total;
}

}  // namespace una::generate
