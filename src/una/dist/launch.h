#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace una::dist {

// What the user asked for by keys; 0 or "" where nothing was asked.
struct LaunchKeys {
  std::int64_t nproc = 0, nnodes = 0, node_rank = 0;  // nproc: ranks of this machine, which una starts itself
  std::string master_addr;                            // the machine of rank 0
  std::int64_t master_port = 0;
};

// What bears on how many ranks this machine takes.
struct Machine {
  int processors = 1, numa_nodes = 1;
  bool card = false;  // the run computes on cards
};

// Which rank this process is, and where the ranks meet.
struct Launch {
  int rank = 0, size = 1, nodes = 1;
  std::string by;    // who started the ranks: "torchrun", "Slurm", ...; "" one process
  std::string host;  // rank 0's machine
  std::uint16_t port =
      0;  // where a store is met: rank 0's, or torchrun's; 0: what starts the ranks finds a free one
  bool agent = false;  // the store at host:port is torchrun's: it is joined, never bound
  int starts = 0;      // ranks that this process has to start, `rank` and those after it; 0: it is one itself
};

// An environment variable's value, "" where it is not set.
using Variables = std::function<std::string(const std::string& name)>;
std::string process_variable(const std::string& name);

// The one reader of launchers' variables. The user's keys come first, then torchrun or plain RANK and WORLD_SIZE,
// Kubeflow's PET_*, a Slurm job step, Open MPI or PMI, SkyPilot; else one process. A launcher may be started by
// another one for each node (srun torchrun, mpirun in a Slurm job): the inner one counts. InputError where a
// variable cannot be read and where two launchers disagree.
Launch read_launch(const LaunchKeys& keys, const Machine& machine, const Variables& variables);

// "rank 3 of 16 on host b, by torchrun".
std::string describe(const Launch& launch, const std::string& host);

// The variables that tell local rank number `local` of `launch.starts` who it is: NAME=value.
std::vector<std::string> rank_variables(const Launch& launch, int local);

// A program that this rank starts is not a rank: it is one process, whatever the launcher's variables are.
void hide_launch_from_children();

// torchrun or Slurm has started this job before: a rank or a machine was lost, or the job was put back into the queue.
bool is_restart(const Variables& variables);

// The first machine of a Slurm list: "gpu[03-07,12],c" -> "gpu03".
std::string first_host(const std::string& list);

}  // namespace una::dist
