#include "una/base/os/cpus.h"

#include <gtest/gtest.h>

#include "una/base/files/files.h"
#include "una/base/testing.h"

namespace una {
namespace {

// A machine of files: /proc/self/cgroup and what is below /sys/fs/cgroup.
struct Machine {
  explicit Machine(const std::string& name) : root(test_folder(name)) { make_folder(root + "/proc/self"); }
  void put(const std::string& path, const std::string& text) const {
    const std::string whole = root + path;
    make_folder(whole.substr(0, whole.rfind('/')));
    write_file(whole, text + "\n");
  }
  std::string root;
};

TEST(Cpus, CpuMaxOfVersionTwoCountsUpToTheRoot) {
  const Machine machine("cgroup2");
  EXPECT_EQ(cgroup_cpus(machine.root), std::nullopt);
  machine.put("/proc/self/cgroup", "0::/jobs/mine");
  EXPECT_EQ(cgroup_cpus(machine.root), std::nullopt);
  machine.put("/sys/fs/cgroup/jobs/mine/cpu.max", "max 100000");
  EXPECT_EQ(cgroup_cpus(machine.root), std::nullopt);
  machine.put("/sys/fs/cgroup/jobs/mine/cpu.max", "400000 100000");
  EXPECT_EQ(cgroup_cpus(machine.root), 4.0);
  machine.put("/sys/fs/cgroup/jobs/cpu.max", "150000 100000");
  EXPECT_EQ(cgroup_cpus(machine.root), 1.5);
  const Machine container("cgroup2-container");  // its namespace shows the root
  container.put("/proc/self/cgroup", "0::/");
  container.put("/sys/fs/cgroup/cpu.max", "50000 100000");
  EXPECT_EQ(cgroup_cpus(container.root), 0.5);
}

TEST(Cpus, CfsQuotasOfVersionOneCountAlsoWhereThePathIsTheHosts) {
  const Machine machine("cgroup1");
  machine.put("/proc/self/cgroup", "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:cpuset:/x");
  machine.put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1");
  machine.put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000");
  EXPECT_EQ(cgroup_cpus(machine.root), std::nullopt);
  machine.put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "200000");
  EXPECT_EQ(cgroup_cpus(machine.root), 2.0);
  machine.put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "rubbish");
  EXPECT_EQ(cgroup_cpus(machine.root), std::nullopt);
}

TEST(Cpus, TheSmallerOfMaskAndQuotaIsUsable) {
  CpuCount count{.host = 64, .affinity = 8, .cgroup = std::nullopt};
  EXPECT_EQ(count.usable(), 8);
  EXPECT_EQ(count.text(), "8 (the affinity mask has 8 of 64 processors)");
  count.cgroup = 1.5;
  EXPECT_EQ(count.usable(), 2);
  EXPECT_EQ(count.text(), "2 (the control group grants 1.5 of 64 processors)");
  count.cgroup = 0.1;
  EXPECT_EQ(count.usable(), 1);
  count.cgroup = 32;
  EXPECT_EQ(count.usable(), 8);
  EXPECT_GE(available_cpus(), 1);
  EXPECT_LE(available_cpus(), count_cpus().host);
}

}  // namespace
}  // namespace una
