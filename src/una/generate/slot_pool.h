#pragma once

#include <cstdint>
#include <map>

namespace una::generate {

// Runs of neighbouring cache slots, first fit; freed runs join their neighbours.
class SlotPool {
 public:
  explicit SlotPool(std::int64_t slots) { grow(slots); }
  void grow(std::int64_t slots);          // to that many in all
  std::int64_t take(std::int64_t count);  // the first slot of a run, or -1; count 0 gives 0
  void give_back(std::int64_t begin, std::int64_t count);
  std::int64_t slots() const { return slots_; }
  std::int64_t free_slots() const;

 private:
  std::int64_t slots_ = 0;
  std::map<std::int64_t, std::int64_t> free_;  // begin -> count, never adjacent
};

}  // namespace una::generate
