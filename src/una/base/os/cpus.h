#pragma once

#include <optional>
#include <string>

namespace una {

// Processors that the control groups of this process grant it, which need not be whole: the smallest quota from its
// own group up to the root (v2: cpu.max; v1: cpu.cfs_quota_us over cpu.cfs_period_us). nullopt: no quota. `root`
// is put in front of /proc and /sys, for tests.
std::optional<double> cgroup_cpus(const std::string& root = "");

// How many threads can run at once, and what set that number.
struct CpuCount {
  int host = 1;                  // processors that are online
  int affinity = 1;              // of them, those this process may use
  std::optional<double> cgroup;  // nullopt: no quota

  int usable() const;        // at least 1
  std::string text() const;  // "2 (the control group grants 1.5 of 64 processors)"
};
CpuCount count_cpus();
int available_cpus();  // count_cpus().usable()

}  // namespace una
