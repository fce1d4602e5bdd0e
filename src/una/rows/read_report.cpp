#include "una/rows/read_report.h"

#include <algorithm>
#include <cmath>

#include "una/base/format.h"
#include "una/base/printable.h"
#include "una/rows/score_fit.h"

namespace una::rows {
namespace {

constexpr std::size_t kCountWidth = 10;

using Counts = std::map<std::string, std::int64_t>;

std::string right(const std::string& text) {
  return std::string(kCountWidth - std::min(kCountWidth, text.size()), ' ') + text;
}

std::string line(std::int64_t count, const std::string& what) {
  return cat(right(thousands(count)), "  ", what, "\n");
}

std::string section(const char* title, const Counts& counts) {
  std::string text;
  std::int64_t total = 0;
  for (const auto& [name, count] : counts) {
    text += line(count, "  " + name);
    total += count;
  }
  return counts.empty() ? "" : line(total, title) + text;
}

// "columns not read: a, b (3 rows), c"; of columns that all rows have only the name.
std::string columns_line(const char* title, const Counts& counts, std::int64_t rows) {
  constexpr std::size_t kShown = 30;
  std::vector<std::string> names;
  for (const auto& [name, count] : counts) {
    names.push_back(count == rows ? name
                                  : cat(name, " (", thousands(count), count == 1 ? " row)" : " rows)"));
    if (names.size() == kShown) { break; }
  }
  const std::size_t rest = counts.size() - names.size();
  if (names.empty()) { return ""; }
  return cat("  ", title, ": ", join(names, ", "), rest > 0 ? cat(" and ", rest, " more") : "", "\n");
}

using Lengths = std::map<std::int64_t, std::int64_t>;

std::int64_t sequences(const Lengths& lengths) {
  std::int64_t total = 0;
  for (const auto& [length, count] : lengths) { total += count; }
  return total;
}

// Nearest rank: the smallest length that at least `share` of the sequences do not exceed.
std::int64_t percentile(const Lengths& lengths, double share) {
  const double rank = share * static_cast<double>(sequences(lengths));
  std::int64_t below = 0;
  for (const auto& [length, count] : lengths) {
    below += count;
    if (static_cast<double>(below) >= rank) { return length; }
  }
  return lengths.rbegin()->first;
}

std::string length_line(const Lengths& lengths, std::int64_t max_length) {
  if (lengths.empty()) { return ""; }
  return cat("  tokens a sequence: p50 ", thousands(percentile(lengths, 0.5)), ", p90 ",
             thousands(percentile(lengths, 0.9)), ", p99 ", thousands(percentile(lengths, 0.99)), ", max ",
             thousands(lengths.rbegin()->first), "; max_length ", thousands(max_length), "\n");
}

// About 40 bins of equal width, a multiple of 1, 2 or 5 powers of ten, from 0 past the longest.
Json length_histogram(const Lengths& lengths) {
  const std::int64_t longest = lengths.rbegin()->first;
  constexpr std::int64_t kBins = 40;
  std::int64_t width = 1;
  for (std::int64_t step = 0; width * kBins < longest + 1; ++step) {
    width = step % 3 == 1 ? width / 2 * 5 : width * 2;
  }
  std::vector<std::int64_t> edges = {0}, counts;
  while (edges.back() <= longest) {
    edges.push_back(edges.back() + width);
    counts.push_back(0);
  }
  for (const auto& [length, count] : lengths) { counts[static_cast<std::size_t>(length / width)] += count; }
  return {{"edges", edges}, {"counts", counts}};
}

Json counts_json(const Counts& counts) {
  Json out = Json::object();
  for (const auto& [name, count] : counts) { out[name] = count; }
  return out;
}

}  // namespace

std::string ReadReport::text(std::int64_t max_length) const {
  std::string out = line(rows_read, "rows read");
  for (const MixturePart& part : mixture) {
    out += line(part.rows, cat("  of the ", thousands(part.of), " rows of ", part.name, ", by weight ",
                               significant(part.weight, 6)));
  }
  for (const auto& [name, count] : by_shape) { out += line(count, "  as " + name); }
  out += columns_line("columns not read", unread, rows_read);
  out += columns_line("columns read under other names", renamed, rows_read);
  out += line(rows_kept, "rows kept");
  for (const auto& [name, count] : by_unit) { out += line(count, "  " + name); }
  if (rows_truncated > 0) { out += line(rows_truncated, "truncated"); }
  if (boundary_repaired > 0) { out += line(boundary_repaired, "prompt border repaired"); }
  out += section("left out", dropped);
  out += section("ties, no preference made", ties);
  out += section("parts of rows not used", unused);
  if (groups > 0) {
    out += line(groups, cat("prompts with two or more answers, the largest has ", thousands(largest_group)));
  }
  if (!score_mapping.empty()) { out += cat("  scores: ", score_mapping, "\n"); }
  if (sources.size() > 1) { out += cat("  sources: ", join(sources, ", "), "\n"); }
  // Names of columns and sources are the file's: this goes to standard output too.
  return printable(out + length_line(lengths, max_length), std::string::npos);
}

Json ReadReport::json() const {
  Json out = {{"rows_read", rows_read},
              {"rows_kept", rows_kept},
              {"rows_truncated", rows_truncated},
              {"boundary_repaired", boundary_repaired},
              {"by_shape", counts_json(by_shape)},
              {"by_unit", counts_json(by_unit)},
              {"dropped", counts_json(dropped)},
              {"ties", counts_json(ties)},
              {"unused", counts_json(unused)},
              {"columns_not_read", counts_json(unread)},
              {"columns_read_as", counts_json(renamed)},
              {"sources", sources},
              {"groups", groups},
              {"largest_group", largest_group},
              {"score_mapping", score_mapping}};
  if (score_fits) {
    for (const auto& [source, fit] : score_fits->by_source) { out["score_fits"][source] = fit->json(); }
  }
  for (const MixturePart& part : mixture) {
    out["mixture"].push_back(
        {{"name", part.name}, {"weight", part.weight}, {"rows", part.rows}, {"of", part.of}});
  }
  if (!lengths.empty()) {
    out["lengths"] = {{"p50", percentile(lengths, 0.5)},
                      {"p90", percentile(lengths, 0.9)},
                      {"p99", percentile(lengths, 0.99)},
                      {"max", lengths.rbegin()->first}};
    out["length_histogram"] = length_histogram(lengths);
  }
  return out;
}

}  // namespace una::rows
