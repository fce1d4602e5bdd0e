#pragma once

#include <cstdint>
#include <vector>

#include "una/core/packed_batch.h"
#include "una/kernels/cpu/table.h"

// How the CPU attention divides segments into pieces of work.
namespace una::kernels::cpu {

// A run of one segment's queries with the keys it can see.
struct Unit {
  std::int64_t query_begin = 0, queries = 0, keys = 0;
  std::vector<KeySpan> spans;
  bool shared = false;       // another unit adds to the gradient of one of its keys
  std::int64_t partial = 0;  // offset of its gradient partials, elements

  std::int64_t cost() const { return queries * (2 * keys - queries); }  // twice the keys that its queries see
};

// One unit a segment; more when there are too few tasks (unit, kv head) for the threads.
std::vector<Unit> make_units(const std::vector<Segment>& segments, std::int64_t kv_heads);

// Units [begin, begin + count) that one task takes.
struct UnitRun {
  std::size_t begin = 0, count = 1;
};

// Decoding steps whose keys begin with the same span, and so may read it together (GroupAttention in
// table.h), where they are neighbours; other units alone. Cut where there are too few tasks for the threads,
// or too many rows (query, head; `group` of them a query) for the nearest caches.
std::vector<UnitRun> make_runs(const std::vector<Unit>& units, std::int64_t kv_heads, std::int64_t group,
                               std::int64_t window);

}  // namespace una::kernels::cpu
