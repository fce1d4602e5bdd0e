#pragma once

#include <cstdint>
#include <vector>

#include "una/core/packed_batch.h"
#include "una/kernels/cpu/table.h"

// How the CPU attention divides segments into pieces of work.
namespace una::kernels::cpu {

// The unit of work: a run of one segment's queries with the keys that it can see.
struct WorkUnit {
  std::int64_t query_begin = 0, queries = 0, keys = 0;
  std::vector<KeySpan> spans;
  bool shared = false;       // another unit contributes to the gradient of one of its keys
  std::int64_t partial = 0;  // offset of its partial key gradients, in elements

  std::int64_t cost() const { return queries * (2 * keys - queries); }  // twice the keys that its queries see
};

// One unit per segment; more when there are too few tasks (unit, kv head) for the threads.
std::vector<WorkUnit> make_units(const std::vector<Segment>& segments, std::int64_t kv_heads);

// The units [begin, begin + count), which one task processes.
struct UnitRun {
  std::size_t begin = 0, count = 1;
};

// Groups adjacent decoding steps whose keys begin with the same span, so that they read it together
// (GroupAttention in table.h); every other unit is a run of its own. A run is split when there are too few
// tasks for the threads, or when its rows (query, head; `group` of them per query) would not fit the nearest
// caches.
std::vector<UnitRun> make_runs(const std::vector<WorkUnit>& units, std::int64_t kv_heads, std::int64_t group,
                               std::int64_t window);

}  // namespace una::kernels::cpu
