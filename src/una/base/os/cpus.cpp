#include "una/base/os/cpus.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sched.h>
#include <unistd.h>

#include "una/base/format.h"

namespace una {
namespace {

// "" when the file is not there. These files have no size, and a wrong one is not a reason to stop.
std::string first_line(const std::string& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// "150000 100000" or "max 100000".
std::optional<double> quota_of(const std::string& quota, const std::string& period) {
  try {
    const double share = std::stod(quota) / std::stod(period);
    if (share > 0 && std::isfinite(share)) { return share; }
  } catch (const std::exception&) {}  // "max", "" or -1: no quota
  return std::nullopt;
}

std::optional<double> v2_quota(const std::string& folder) {
  std::istringstream words(first_line(folder + "/cpu.max"));
  std::string quota, period;
  words >> quota >> period;
  return quota_of(quota, period);
}

std::optional<double> v1_quota(const std::string& folder) {
  return quota_of(first_line(folder + "/cpu.cfs_quota_us"), first_line(folder + "/cpu.cfs_period_us"));
}

// The smallest quota of `group` and the groups above it. In a container the path may be the host's, and the
// container's own group is then the mounted root.
template <class Quota>
void look_up_to_root(const std::string& mount, std::filesystem::path group, const Quota& quota,
                     std::optional<double>& least) {
  for (;;) {
    const std::optional<double> own = quota(mount + group.string());
    if (own && (!least || *own < *least)) { least = own; }
    if (group == group.parent_path() || group.empty()) { return; }
    group = group.parent_path();
  }
}

bool names_cpu(const std::string& controllers) {
  std::istringstream words(controllers);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == "cpu") { return true; }
  }
  return false;
}

}  // namespace

std::optional<double> cgroup_cpus(const std::string& root) {
  std::optional<double> least;
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/a/b" or "4:cpu,cpuacct:/a/b"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) { continue; }
    const std::string controllers = line.substr(first + 1, second - first - 1),
                      group = line.substr(second + 1);
    if (controllers.empty()) {
      look_up_to_root(root + "/sys/fs/cgroup", group, v2_quota, least);
    } else if (names_cpu(controllers)) {
      for (const std::string& mount : {std::string("cpu"), controllers}) {
        look_up_to_root(root + "/sys/fs/cgroup/" + mount, group, v1_quota, least);
      }
    }
  }
  return least;
}

int CpuCount::usable() const {
  const int granted = cgroup ? static_cast<int>(std::ceil(std::min(*cgroup, 1e6))) : affinity;
  return std::max(1, std::min(affinity, granted));
}

std::string CpuCount::text() const {
  if (usable() < affinity) {
    return cat(usable(), " (the control group grants ", significant(*cgroup, 3), " of ", host,
               " processors)");
  }
  if (affinity < host) {
    return cat(affinity, " (the affinity mask has ", affinity, " of ", host, " processors)");
  }
  return cat(usable(), " (every processor)");
}

CpuCount count_cpus() {
  CpuCount count;
  count.host = std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
  count.affinity = count.host;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) { count.affinity = CPU_COUNT(&set); }
  count.cgroup = cgroup_cpus();
  return count;
}

int available_cpus() { return count_cpus().usable(); }

}  // namespace una
