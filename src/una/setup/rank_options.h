#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "una/base/option_checks.h"
#include "una/base/options.h"

namespace una::setup {

// Ranks: processes that train together. torchrun's and Hugging Face's names. They are not part of a run's config: they
// change nothing in what it computes, and run.yaml does not hold them.
struct RankOptions {
  std::int64_t nproc = 0, nnodes = 0, node_rank = 0;
  std::string master_addr;
  std::int64_t master_port = 0;
  std::int64_t ddp_timeout = 1800;
  template <class V>
  void fields(V&& v) {
    v("nproc", nproc,
      "ranks to start on this machine (alias --nproc_per_node); 0: as the launcher does, else one");
    v("nnodes", nnodes, "machines, each started with its own --node_rank; 0: as the launcher does, else one");
    v("node_rank", node_rank, "which of them this one is, from 0");
    v("master_addr", master_addr, "the machine of rank 0, where a launcher does not name it");
    v("master_port", master_port, "its port where the ranks meet; 0: the launcher's, else 29500");
    v("ddp_timeout", ddp_timeout, "seconds that the ranks wait for one that does not come");
  }
};

// What of a training run is split over its ranks, under the name that Accelerate and DeepSpeed have for it. It changes
// where numbers are kept, not what they are, so a run may go on with another value.
struct ZeroOptions {
  std::string zero_stage = "auto";
  template <class V>
  void fields(V&& v) {
    v("zero_stage", zero_stage,
      "several ranks: 1 splits AdamW's moments over them, 0 gives each rank all of them; auto: 1 where every weight "
      "trains, 0 for adapters");
  }
};

// InputError for a stage that is not offered.
inline bool splits_moments(const ZeroOptions& zero, bool use_peft) {
  const std::string& stage = zero.zero_stage;
  check_input(stage != "2" && stage != "3", "zero_stage ", stage,
              " is not offered: weights and gradients are whole on every rank; give 0, 1 or auto");
  check_choice("zero_stage", stage, {"auto", "0", "1"});
  return stage == "1" || (stage == "auto" && !use_peft);
}

// When a training run ends before it is done. Not part of its config either.
struct StopOptions {
  std::string save_before;
  std::int64_t stop_at_step = 0;
  template <class V>
  void fields(V&& v) {
    v("save_before", save_before,
      "save and stop (exit code 75) when the program has run for so long: 03:45:00 or seconds; empty: never");
    v("stop_at_step", stop_at_step,
      "pause at this step with a checkpoint, the schedule being that of the whole run; 0: run to the end");
  }
};

// The keys of a training command that are not part of its run's config.
inline std::vector<OptionHelp> command_keys() {
  std::vector<OptionHelp> keys = describe_options(RankOptions{});
  for (OptionHelp& key : describe_options(ZeroOptions{})) { keys.push_back(std::move(key)); }
  for (OptionHelp& key : describe_options(StopOptions{})) { keys.push_back(std::move(key)); }
  return keys;
}

}  // namespace una::setup
