#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/run/scale/scale_plan.h"

namespace una::run {

// What happens to a gang besides its work. Defaults are assumptions, printed with the result.
struct SimulationOptions {
  bool simulate = false;
  std::vector<std::string> simulate_ranks = {"8", "64", "256", "1024"};
  std::int64_t ranks_per_node = 8;
  double speed_spread = 0.02, step_jitter = 0.02;
  double mtbf_hours = 50000;
  double restart_seconds = 120;
  std::string save_rate = "1GB/s";
  double simulate_days = 30;
  template <class V>
  void fields(V&& v) {
    v("simulate", simulate, "plays days of gangs of several sizes: efficiency and lost work (docs/scale.md)");
    v("simulate_ranks", simulate_ranks, "the sizes; micro-batches a rank stay as at world_size");
    v("ranks_per_node", ranks_per_node, "simulate: ranks on one machine");
    v("speed_spread", speed_spread, "simulate: standard deviation of the ranks' speeds, as a share");
    v("step_jitter", step_jitter,
      "simulate: standard deviation of one rank's time from step to step, as a share");
    v("mtbf_hours", mtbf_hours, "simulate: mean hours until one rank fails; 0: none fails");
    v("restart_seconds", restart_seconds,
      "simulate: from a failure until all compute again, its detection included");
    v("save_rate", save_rate, "simulate: how fast a checkpoint is written while all wait");
    v("simulate_days", simulate_days, "simulate: days that are played");
  }
};

// One gang, played. Shares are of the whole time.
struct SimulatedGang {
  std::int64_t ranks = 0, machines = 1;
  double step_seconds = 0;  // mean
  double compute = 0;       // seconds of a step that the mean rank computes
  double waiting = 0;       // seconds that it waits for the slowest: dealing, speeds, jitter
  double exchange = 0;      // seconds of collectives and update
  double efficiency = 0;    // compute / step_seconds
  double failures = 0;      // a day
  double saving = 0, redone = 0, restarting = 0;  // rank-hours a day that are lost
  double useful = 0;     // share of the time in which steps were made that count, times efficiency
  double best_save = 0;  // seconds between checkpoints that lose least (Young, 1974); 0: no failures
};

// `save_steps`: optimiser steps between checkpoints; 0: there are none. Random numbers are keyed: the same options, the
// same result.
std::vector<SimulatedGang> simulate_gangs(const RunPlan& plan, const ScaleOptions& where, bool splits,
                                          const SimulationOptions& options, const RankSpeed& speed,
                                          std::int64_t save_steps);

// A table with what was assumed; lines of `una plan`.
std::string simulation_text(const std::vector<SimulatedGang>& gangs, const ScaleOptions& where,
                            const SimulationOptions& options, const RankSpeed& speed);
Json simulation_json(const std::vector<SimulatedGang>& gangs);

}  // namespace una::run
