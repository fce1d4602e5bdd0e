#pragma once

#include <string>
#include <vector>

namespace una::dist {

// Tells machines (and containers with a name of their own) apart.
std::string machine_id();
int numa_nodes();  // at least 1

// The processors that a rank may use, as the other ranks of its machine see them.
struct Processors {
  std::string machine, group;  // machine_id(), and the control groups
  std::vector<int> allowed;    // affinity mask
  int usable = 1;              // count_cpus().usable()
};
Processors own_processors();
std::string print(const Processors& processors);
Processors parse_processors(const std::string& text);

// Compute threads of rank `own`: its processors over the ranks that share them, at least 1. A launcher that gives
// each rank processors of its own (srun --cpus-per-task, mpirun --bind-to) is seen by masks that do not overlap.
int threads_of_rank(const std::vector<Processors>& ranks, int own);

}  // namespace una::dist
