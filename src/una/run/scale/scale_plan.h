#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/run/plan/run_plan.h"
#include "una/run/scale/links.h"
#include "una/setup/rank_options.h"

namespace una::run {

// Where the ranks of a plan would be, and what each of them could do.
struct ScaleOptions {
  std::int64_t world_size = 1, nodes = 1;
  std::string link = "10GbE", local_link = "1.45GB/s";
  std::string rank_memory = {}, rank_bandwidth = {};
  double rank_tflops = 0;
  setup::ZeroOptions zero = {};
  template <class V>
  void fields(V&& v) {
    v("world_size", world_size, "ranks that would share the run (docs/scale.md)");
    v("nodes", nodes, "machines that they would be on");
    v("link", link, "what connects the machines: 100GbE, 400Gb/s, 11GB/s");
    v("local_link", local_link, "what connects two ranks of one machine; the default is Gloo over loopback");
    v("rank_memory", rank_memory, "what one rank has: 80GB; empty: this machine's, over its ranks");
    v("rank_tflops", rank_tflops,
      "operations a second that one rank reaches, in units of 10^12; 0: measured on this machine");
    v("rank_bandwidth", rank_bandwidth,
      "bytes a second that one rank's memory gives: 3TB/s; empty: measured on this machine");
    zero.fields(v);
  }
};

// What one rank reaches: operations a second in products, bytes a second in the optimiser's update.
struct RankSpeed {
  double operations = 0, bytes = 0;
};

// One kind of work in a step, of the slowest rank.
struct Phase {
  std::string name;
  double seconds = 0;
  double sent = 0;  // bytes that each rank sends for it
};

// One step of a data parallel run, estimated. Phases follow each other: nothing hides an exchange.
struct ScalePlan {
  ScaleOptions where;
  bool splits = false;  // the optimiser's moments
  std::vector<Phase> phases = {};
  double seconds = 0, sent = 0;  // of a step
  double efficiency = 0;         // of that many times the speed of one rank
  double busy = 0;    // mean over the ranks of work / the most work: below 1 where micro-batches are few
  double memory = 0;  // bytes of one rank at its peak
  double room = 0;    // bytes that a rank has
  std::int64_t smallest = 0;  // ranks of the smallest gang whose ranks have that room; 0: none of up to 1024
};

// The gang that the options describe. InputError where the machines cannot share the ranks evenly.
GangShape gang_shape(const ScaleOptions& where);

// The phases of a step on `gang` that do not learn from micro-batches: sum of the gradients, update, and the exchange of
// the updated weights where each rank updates its own part.
std::vector<Phase> exchange_phases(const RunPlan& plan, const GangShape& gang, bool splits,
                                   const RankSpeed& speed);

// Deals costs as a step deals its micro-batches: the largest first, to the rank with the least so far. The cost of each
// rank, by rank.
std::vector<double> deal_costs(std::vector<double> costs, std::int64_t ranks);

// `splits`: the moments are split where there are several ranks.
ScalePlan scale_plan(const RunPlan& plan, const ScaleOptions& where, bool splits, const RankSpeed& speed);

std::string scale_text(const ScalePlan& scale);  // lines of `una plan`
Json scale_json(const ScalePlan& scale);

}  // namespace una::run
