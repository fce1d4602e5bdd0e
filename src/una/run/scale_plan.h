#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "una/base/json.h"
#include "una/run/run_plan.h"

namespace una::run {

// Where the ranks of a plan would be.
struct ScaleOptions {
  std::int64_t world_size = 1, nodes = 1;
  std::string link = "10GbE";
  template <class V>
  void fields(V&& v) {
    v("world_size", world_size, "ranks that would share the run (docs/scale.md)");
    v("nodes", nodes, "machines that they would be on");
    v("link", link, "what connects the machines: 100GbE, 400Gb/s, 11GB/s");
  }
};

// One step of a data parallel run, estimated: each rank computes its micro-batches, then the gradients are summed by a
// ring over all ranks.
struct ScalePlan {
  ScaleOptions where;
  double compute = 0;     // seconds of the rank with the most micro-batches
  double exchange = 0;    // seconds of the sum, which nothing overlaps
  double traffic = 0;     // bytes that each rank sends for it
  double efficiency = 0;  // of that many times the speed of one rank
  double busy =
      0;  // mean over the ranks of compute / the longest compute: below 1 where micro-batches are few
};

// "10GbE", "100GbE", "400Gb/s", "11GB/s": bytes a second that are left for data. Ethernet is taken at 0.88 of its name, as
// measured rates of large TCP streams are. InputError for anything else.
double parse_link(const std::string& text);

// `rate`: multiplications and additions a second of one rank. nullopt for one rank. InputError where the machines cannot
// share the ranks evenly.
std::optional<ScalePlan> scale_plan(const RunPlan& plan, const ScaleOptions& where, double rate);

std::string scale_text(const ScalePlan& scale, const RunPlan& plan);  // lines of `una plan`
Json scale_json(const ScalePlan& scale);

}  // namespace una::run
