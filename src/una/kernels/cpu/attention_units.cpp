#include "una/kernels/cpu/attention_units.h"

#include <algorithm>

#include <ATen/Parallel.h>

namespace una::kernels::cpu {
namespace {

constexpr std::int64_t kSplitQueries = 64;  // the shortest run that a segment is split into

constexpr std::int64_t kDecodedKeys = 16;   // below this a query takes other loops: decodes() in decode.inc
constexpr std::int64_t kRowsTogether = 48;  // rows (query, head) of decoding steps in one task

// The number of pieces per task that keeps all threads busy.
std::int64_t pieces_for(std::int64_t tasks) {
  const std::int64_t threads = at::get_num_threads();
  return threads == 1 || tasks == 0 ? 1 : (2 * threads + tasks - 1) / tasks;
}

WorkUnit make_unit(const Segment& segment, std::int64_t begin, std::int64_t end) {
  WorkUnit unit{.query_begin = begin, .queries = end - begin};
  const std::int64_t cut = segment.query_end - end;  // keys after the run's last query
  for (const KeyRange& range : segment.keys) { unit.keys += range.end - range.begin; }
  unit.keys -= cut;
  std::int64_t left = unit.keys;
  for (const KeyRange& range : segment.keys) {
    const std::int64_t take = std::min<std::int64_t>(left, range.end - range.begin);
    if (take > 0) { unit.spans.push_back({range.begin, range.begin + take}); }
    left -= take;
  }
  return unit;
}

// Whether two decoding steps can read their first span together (GroupAttention in table.h).
bool share_a_span(const WorkUnit& a, const WorkUnit& b, std::int64_t window) {
  const auto fits = [&](const WorkUnit& unit) {
    return unit.queries == 1 && unit.spans.size() > 1 && unit.keys >= kDecodedKeys &&
           (window == 0 || unit.keys <= window);
  };
  return fits(a) && fits(b) && a.spans[0].begin == b.spans[0].begin && a.spans[0].end == b.spans[0].end;
}

}  // namespace

std::vector<WorkUnit> make_units(const std::vector<Segment>& segments, std::int64_t kv_heads) {
  const std::int64_t pieces = pieces_for(std::ssize(segments) * kv_heads);
  std::vector<WorkUnit> units;
  for (const Segment& segment : segments) {
    const std::int64_t queries = segment.query_end - segment.query_begin;
    if (queries <= 0) { continue; }
    const std::int64_t parts = std::clamp<std::int64_t>(queries / kSplitQueries, 1, pieces);
    for (std::int64_t i = 0; i < parts; ++i) {
      units.push_back(make_unit(segment, segment.query_begin + queries * i / parts,
                                segment.query_begin + queries * (i + 1) / parts));
    }
  }
  return units;
}

std::vector<UnitRun> make_runs(const std::vector<WorkUnit>& units, std::int64_t kv_heads, std::int64_t group,
                               std::int64_t window) {
  std::vector<UnitRun> whole, out;
  for (std::size_t i = 0; i < units.size(); ++i) {
    if (i > 0 && share_a_span(units[i - 1], units[i], window)) {
      ++whole.back().count;
    } else {
      whole.push_back({i, 1});
    }
  }
  const auto wanted = static_cast<std::size_t>(pieces_for(kv_heads * std::ssize(whole)));
  const auto most = static_cast<std::size_t>(std::max<std::int64_t>(1, kRowsTogether / group));
  for (const UnitRun& run : whole) {
    const std::size_t parts =
        std::clamp(std::max(wanted, (run.count + most - 1) / most), std::size_t{1}, run.count);
    for (std::size_t i = 0; i < parts; ++i) {
      const std::size_t begin = run.count * i / parts, end = run.count * (i + 1) / parts;
      out.push_back({run.begin + begin, end - begin});
    }
  }
  return out;
}

}  // namespace una::kernels::cpu
