#include "una/dist/machine.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <sched.h>

#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/os/cpus.h"
#include "una/base/os/host.h"

namespace una::dist {
namespace {

// "" where the file is not there; files of /proc have no size.
std::string contents(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

bool share(const Processors& one, const Processors& other) {
  if (one.machine != other.machine) { return false; }
  std::vector<int> both;
  std::set_intersection(one.allowed.begin(), one.allowed.end(), other.allowed.begin(), other.allowed.end(),
                        std::back_inserter(both));
  // Control groups with quotas of their own: each rank has what its group grants.
  const bool own_quotas = one.group != other.group && one.usable < std::ssize(one.allowed) &&
                          other.usable < std::ssize(other.allowed);
  return (!both.empty() || one.allowed.empty()) && !own_quotas;
}

}  // namespace

std::string machine_id() { return cat(host_name(), " ", trim(contents("/proc/sys/kernel/random/boot_id"))); }

int numa_nodes() {
  int count = 0;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/sys/devices/system/node", ignored)) {
    const std::string name = entry.path().filename().string();
    const bool is_node =
        starts_with(name, "node") && name.find_first_not_of("0123456789", 4) == std::string::npos;
    count += is_node ? 1 : 0;
  }
  return std::max(1, count);
}

Processors own_processors() {
  Processors out{.machine = machine_id(), .group = contents("/proc/self/cgroup"), .usable = available_cpus()};
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) { return out; }
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) { out.allowed.push_back(cpu); }
  }
  return out;
}

std::string print(const Processors& processors) {
  return Json{processors.machine, processors.group, processors.allowed, processors.usable}.dump();
}

Processors parse_processors(const std::string& text) {
  const Json parts = Json::parse(text);
  return {parts[0].get<std::string>(), parts[1].get<std::string>(), parts[2].get<std::vector<int>>(),
          parts[3].get<int>()};
}

int threads_of_rank(const std::vector<Processors>& ranks, int own) {
  const Processors& mine = ranks[static_cast<std::size_t>(own)];
  const auto sharing =
      std::count_if(ranks.begin(), ranks.end(), [&](const Processors& other) { return share(mine, other); });
  return std::max(1, mine.usable / std::max(1, static_cast<int>(sharing)));
}

}  // namespace una::dist
