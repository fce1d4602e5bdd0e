#include <algorithm>
#include <map>
#include <set>

#include "una/base/error.h"
#include "una/kernels/mixers/gated_delta_rule.h"

namespace una::kernels {
namespace {

// A run with the run that it goes on from.
struct Piece {
  std::int64_t begin = 0, end = 0;
  std::int64_t parent = -1, root = 0;  // indices of pieces; -1: none
  std::int64_t length = 0;             // tokens of its sequence up to its end
  std::int64_t state = -1;             // the number of the state that it leaves, where one reads it
};

std::int64_t count_keys(const Segment& segment) {
  std::int64_t out = 0;
  for (const KeyRange& range : segment.keys) { out += range.end - range.begin; }
  return out;
}

void check_segment(const Segment& segment, std::int64_t tokens) {
  check(segment.query_begin >= 0 && segment.query_begin <= segment.query_end && segment.query_end <= tokens &&
            !segment.keys.empty() && segment.keys.back().end == segment.query_end &&
            segment.keys.back().begin <= segment.query_begin,
        "delta_plan: a segment's own tokens are not the last that it sees");
}

// Segments cut behind every row that another one goes on from, by their first rows.
std::vector<Piece> pieces_of(const std::vector<Segment>& segments, std::int64_t tokens) {
  std::set<std::int64_t> cuts;
  for (const Segment& segment : segments) { cuts.insert(key_before(segment) + 1); }
  std::vector<const Segment*> ordered;
  for (const Segment& segment : segments) {
    check_segment(segment, tokens);
    if (segment.query_begin < segment.query_end) { ordered.push_back(&segment); }
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Segment* a, const Segment* b) { return a->query_begin < b->query_begin; });
  std::vector<Piece> out;
  std::map<std::int64_t, std::int64_t> by_end;
  for (const Segment* segment : ordered) {
    std::int64_t before = key_before(*segment);
    const std::int64_t length = count_keys(*segment) - (segment->query_end - segment->query_begin);
    for (std::int64_t begin = segment->query_begin; begin < segment->query_end;) {
      const auto cut = cuts.upper_bound(begin);
      const std::int64_t end =
          cut == cuts.end() ? segment->query_end : std::min<std::int64_t>(*cut, segment->query_end);
      Piece piece{.begin = begin, .end = end, .root = std::ssize(out)};
      if (before >= 0) {
        const auto found = by_end.find(before + 1);
        check(found != by_end.end(), "delta_plan: a segment comes before the tokens that it sees");
        piece.parent = found->second;
        const Piece& parent = out[static_cast<std::size_t>(piece.parent)];
        piece.root = parent.root, piece.length = parent.length;
      }
      check(begin > segment->query_begin || piece.length == length,
            "delta_plan: a segment sees a part of a sequence");
      piece.length += end - begin;
      by_end[end] = std::ssize(out);
      out.push_back(piece);
      before = end - 1, begin = end;
    }
  }
  return out;
}

}  // namespace

std::int64_t key_before(const Segment& segment) {
  std::int64_t own = segment.query_end - segment.query_begin;
  for (auto range = segment.keys.rbegin(); range != segment.keys.rend(); ++range) {
    const std::int64_t count = range->end - range->begin;
    if (count > own) { return range->end - own - 1; }
    own -= count;
  }
  return -1;
}

DeltaPlan delta_plan(const std::vector<Segment>& segments, std::int64_t tokens) {
  std::vector<Piece> pieces = pieces_of(segments, tokens);
  DeltaPlan out;
  for (const Piece& piece : pieces) {
    if (piece.parent < 0) { continue; }
    Piece& parent = pieces[static_cast<std::size_t>(piece.parent)];
    if (parent.state < 0) { parent.state = out.states++; }
  }
  std::vector<std::size_t> order(pieces.size());
  for (std::size_t i = 0; i < order.size(); ++i) { order[i] = i; }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return pieces[a].root < pieces[b].root; });
  for (const std::size_t index : order) {
    const Piece& piece = pieces[index];
    if (piece.parent < 0) { out.trees.push_back(std::ssize(out.runs)); }
    const std::int64_t from = piece.parent < 0 ? -1 : pieces[static_cast<std::size_t>(piece.parent)].state;
    out.runs.push_back({piece.begin, piece.end, from, piece.state});
  }
  return out;
}

}  // namespace una::kernels
