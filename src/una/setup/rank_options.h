#pragma once

#include <cstdint>
#include <string>

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

}  // namespace una::setup
