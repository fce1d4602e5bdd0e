#include "una/dist/launch.h"

#include <algorithm>
#include <map>

#include <gtest/gtest.h>

#include "una/base/error.h"

namespace una::dist {
namespace {

using Environment = std::map<std::string, std::string>;

Launch launch(const Environment& environment, const LaunchKeys& keys = {}, const Machine& machine = {}) {
  return read_launch(keys, machine, [&](const std::string& name) {
    const auto found = environment.find(name);
    return found == environment.end() ? std::string() : found->second;
  });
}

std::string refusal(const Environment& environment, const LaunchKeys& keys = {}) {
  try {
    launch(environment, keys);
  } catch (const InputError& error) { return error.what(); }
  return "";
}

void expect_ranks(const Launch& found, int rank, int size, int nodes, const std::string& by) {
  EXPECT_EQ(found.rank, rank);
  EXPECT_EQ(found.size, size);
  EXPECT_EQ(found.nodes, nodes);
  EXPECT_EQ(found.by, by);
}

const Environment kTorchrun = {{"RANK", "5"},
                               {"WORLD_SIZE", "8"},
                               {"LOCAL_RANK", "1"},
                               {"LOCAL_WORLD_SIZE", "4"},
                               {"GROUP_RANK", "1"},
                               {"GROUP_WORLD_SIZE", "2"},
                               {"MASTER_ADDR", "n0"},
                               {"MASTER_PORT", "29400"},
                               {"TORCHELASTIC_RUN_ID", "none"},
                               {"TORCHELASTIC_USE_AGENT_STORE", "True"}};

TEST(Launch, WithoutALauncherThereIsOneProcess) {
  expect_ranks(launch({}), 0, 1, 1, "");
  EXPECT_EQ(describe(launch({}), "a"), "one process on host a");
  expect_ranks(launch({{"WORLD_SIZE", "1"}}), 0, 1, 1, "");
  expect_ranks(launch({{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}}), 0, 1, 1, "");
}

TEST(Launch, ARestartIsSeenByTheCountsOfTorchrunAndSlurm) {
  const auto restarted = [](const Environment& environment) {
    return is_restart([&](const std::string& name) {
      const auto found = environment.find(name);
      return found == environment.end() ? std::string() : found->second;
    });
  };
  EXPECT_FALSE(restarted({}));
  EXPECT_FALSE(restarted({{"TORCHELASTIC_RESTART_COUNT", "0"}}));
  EXPECT_TRUE(restarted({{"TORCHELASTIC_RESTART_COUNT", "1"}}));
  EXPECT_TRUE(restarted({{"SLURM_RESTART_COUNT", "2"}}));
}

TEST(Launch, TorchrunsStoreIsJoinedNotBound) {
  const Launch found = launch(kTorchrun);
  expect_ranks(found, 5, 8, 2, "torchrun");
  EXPECT_TRUE(found.agent);
  EXPECT_EQ(found.host, "n0");
  EXPECT_EQ(found.port, 29400);
  EXPECT_EQ(found.starts, 0);
  EXPECT_EQ(describe(found, "b"), "rank 5 of 8 on host b, by torchrun");
}

TEST(Launch, PlainVariablesAreEnough) {
  const Launch one =
      launch({{"RANK", "1"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "1"}, {"LOCAL_WORLD_SIZE", "2"}});
  expect_ranks(one, 1, 2, 1, "RANK and WORLD_SIZE");
  EXPECT_FALSE(one.agent);
  EXPECT_EQ(one.host, "127.0.0.1");
  EXPECT_EQ(one.port, 29500);
  const Launch pods =
      launch({{"RANK", "1"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "job-master-0"}, {"MASTER_PORT", "23456"}});
  expect_ranks(pods, 1, 3, 3, "RANK and WORLD_SIZE");
  EXPECT_EQ(pods.host, "job-master-0");
  EXPECT_EQ(pods.port, 23456);
  EXPECT_NE(refusal({{"RANK", "1"}, {"WORLD_SIZE", "3"}}).find("set MASTER_ADDR"), std::string::npos);
  EXPECT_NE(refusal({{"WORLD_SIZE", "3"}}).find("RANK is not"), std::string::npos);
  EXPECT_NE(refusal({{"RANK", "1"}}).find("WORLD_SIZE is not"), std::string::npos);
  EXPECT_NE(refusal({{"RANK", "3"}, {"WORLD_SIZE", "3"}}).find("rank 3 of 3"), std::string::npos);
  EXPECT_NE(refusal({{"RANK", "x"}, {"WORLD_SIZE", "3"}}).find("RANK is 'x'"), std::string::npos);
  EXPECT_NE(refusal({{"RANK", "-1"}, {"WORLD_SIZE", "3"}}).find("RANK is '-1'"), std::string::npos);
}

TEST(Launch, KubeflowsPodStartsItsRanks) {
  const Environment pod = {{"PET_NNODES", "2"},
                           {"PET_NPROC_PER_NODE", "4"},
                           {"PET_NODE_RANK", "1"},
                           {"PET_MASTER_ADDR", "job-node-0-0.job"},
                           {"PET_MASTER_PORT", "29500"}};
  const Launch found = launch(pod);
  expect_ranks(found, 4, 8, 2, "Kubeflow (PET_*)");
  EXPECT_EQ(found.starts, 4);
  EXPECT_EQ(found.host, "job-node-0-0.job");
  // The number of processors is Kubeflow's default where there are no cards: one rank a NUMA node instead.
  EXPECT_EQ(launch(pod, {}, {.processors = 4, .numa_nodes = 2}).starts, 2);
  EXPECT_EQ(launch(pod, {}, {.processors = 4, .numa_nodes = 1}).size, 2);
  EXPECT_EQ(launch(pod, {}, {.processors = 4, .numa_nodes = 2, .card = true}).starts, 4);
  Environment other = pod;
  other["PET_NPROC_PER_NODE"] = "auto";
  EXPECT_EQ(launch(other, {}, {.processors = 64, .numa_nodes = 2}).starts, 2);
  other["PET_NPROC_PER_NODE"] = "gpu";
  EXPECT_NE(refusal(other).find("PET_NPROC_PER_NODE is 'gpu'"), std::string::npos);
  other = pod;
  other["PET_NNODES"] = "1:4";
  EXPECT_NE(refusal(other).find("elastic"), std::string::npos);
  // torchrun in the pod has read them.
  Environment inside = kTorchrun;
  inside.insert(pod.begin(), pod.end());
  expect_ranks(launch(inside), 5, 8, 2, "torchrun");
}

const Environment kSlurm = {{"SLURM_JOB_ID", "17"},
                            {"SLURM_STEP_ID", "0"},
                            {"SLURM_PROCID", "3"},
                            {"SLURM_NTASKS", "4"},
                            {"SLURM_STEP_NUM_TASKS", "4"},
                            {"SLURM_STEP_NUM_NODES", "2"},
                            {"SLURM_STEP_NODELIST", "gpu[03-07,12]"}};

TEST(Launch, SlurmCountsInsideAJobStepOnly) {
  const Launch found = launch(kSlurm);
  expect_ranks(found, 3, 4, 2, "Slurm");
  EXPECT_EQ(found.host, "gpu03");
  EXPECT_GE(found.port, 20000);
  EXPECT_LT(found.port, 32000);
  Environment other = kSlurm;
  other["SLURM_PROCID"] = "0";
  EXPECT_EQ(launch(other).port, found.port) << "every rank must come to the same port";
  other["MASTER_PORT"] = "7777";
  EXPECT_EQ(launch(other).port, 7777);
  for (const char* shell : {"bash", "interactive"}) {
    other["SLURM_JOB_NAME"] = shell;
    expect_ranks(launch(other), 0, 1, 1, "");
  }
  Environment batch = kSlurm;
  batch.erase("SLURM_STEP_ID");
  expect_ranks(launch(batch), 0, 1, 1, "");
}

TEST(Launch, TheFirstHostOfASlurmList) {
  EXPECT_EQ(first_host("gpu[03-07,12],c"), "gpu03");
  EXPECT_EQ(first_host("gpu[12]"), "gpu12");
  EXPECT_EQ(first_host("gpu[1,3]"), "gpu1");
  EXPECT_EQ(first_host("a,b"), "a");
  EXPECT_EQ(first_host("a"), "a");
}

const Environment kOpenMpi = {{"OMPI_COMM_WORLD_RANK", "1"},
                              {"OMPI_COMM_WORLD_SIZE", "4"},
                              {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                              {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"}};

TEST(Launch, MpirunTellsNoAddress) {
  const Launch found = launch(kOpenMpi);
  expect_ranks(found, 1, 4, 1, "Open MPI");
  EXPECT_EQ(found.host, "127.0.0.1");
  Environment two = kOpenMpi;
  two["OMPI_COMM_WORLD_LOCAL_SIZE"] = "2";
  EXPECT_NE(refusal(two).find("--master_addr HOST"), std::string::npos);
  EXPECT_EQ(launch(two, {.master_addr = "head", .master_port = 1234}).host, "head");
  EXPECT_EQ(launch(two, {.master_addr = "head", .master_port = 1234}).port, 1234);
  two["MASTER_ADDR"] = "n0";
  EXPECT_EQ(launch(two).host, "n0");
  const Launch pmi = launch({{"PMI_RANK", "2"}, {"PMI_SIZE", "3"}, {"MPI_LOCALNRANKS", "3"}});
  expect_ranks(pmi, 2, 3, 1, "PMI (MPICH, Intel MPI)");
}

TEST(Launch, SkyPilotsFirstAddressIsRank0) {
  const Environment node = {{"SKYPILOT_NODE_RANK", "1"},
                            {"SKYPILOT_NUM_NODES", "2"},
                            {"SKYPILOT_NODE_IPS", "10.0.0.5\n10.0.0.9"},
                            {"SKYPILOT_NUM_GPUS_PER_NODE", "8"}};
  const Launch found = launch(node);
  expect_ranks(found, 1, 2, 2, "SkyPilot");
  EXPECT_EQ(found.host, "10.0.0.5");
  EXPECT_EQ(found.starts, 0);
  const Launch cards = launch(node, {}, {.card = true});
  expect_ranks(cards, 8, 16, 2, "SkyPilot");
  EXPECT_EQ(cards.starts, 8);
}

TEST(Launch, ALauncherInsideAnotherCounts) {
  Environment in_slurm = kTorchrun;  // srun --ntasks-per-node 1 torchrun ...
  in_slurm.insert(kSlurm.begin(), kSlurm.end());
  in_slurm["SLURM_STEP_NUM_TASKS"] = "2";
  in_slurm["SLURM_PROCID"] = "1";
  expect_ranks(launch(in_slurm), 5, 8, 2, "torchrun");
  Environment mpirun = kOpenMpi;  // mpirun in a Slurm job: a daemon on each of 2 nodes
  mpirun.insert(kSlurm.begin(), kSlurm.end());
  mpirun["OMPI_COMM_WORLD_LOCAL_SIZE"] = "2";
  mpirun["SLURM_STEP_NUM_TASKS"] = "2";
  mpirun["SLURM_PROCID"] = "1";
  mpirun["MASTER_ADDR"] = "n0";
  expect_ranks(launch(mpirun), 1, 4, 2, "Open MPI");
  Environment pmi = kSlurm;  // srun --mpi=pmi2
  pmi.insert({{"PMI_RANK", "3"}, {"PMI_SIZE", "4"}});
  expect_ranks(launch(pmi), 3, 4, 2, "Slurm");
}

TEST(Launch, TwoThatDisagreeAreRefused) {
  Environment both = kSlurm;
  both.insert(kOpenMpi.begin(), kOpenMpi.end());
  EXPECT_EQ(
      refusal(both),
      "two launchers disagree: rank 3 of 4 by Slurm, but rank 1 of 4 by Open MPI; start una by one of them "
      "(the variables of the other can be unset)");
  const std::string doubled = refusal(kTorchrun, {.nproc = 2});
  EXPECT_NE(doubled.find("--nproc 2 starts the ranks of this machine"), std::string::npos) << doubled;
  EXPECT_NE(doubled.find("rank 5 of 8 by torchrun"), std::string::npos) << doubled;
}

TEST(Launch, NprocStartsRanksHereOrOnceAMachine) {
  const Launch local = launch({}, {.nproc = 2});
  expect_ranks(local, 0, 2, 1, "--nproc");
  EXPECT_EQ(local.starts, 2);
  EXPECT_EQ(local.host, "127.0.0.1");
  EXPECT_EQ(local.port, 0);
  const Launch second = launch({}, {.nproc = 4, .nnodes = 2, .node_rank = 1, .master_addr = "n0"});
  expect_ranks(second, 4, 8, 2, "--nproc");
  EXPECT_EQ(second.starts, 4);
  EXPECT_EQ(second.port, 29500);
  EXPECT_NE(refusal({}, {.nproc = 4, .nnodes = 2}).find("--master_addr"), std::string::npos);
  EXPECT_NE(
      refusal({}, {.nproc = 4, .nnodes = 2, .node_rank = 2, .master_addr = "a"}).find("--node_rank is 2"),
      std::string::npos);
  Environment once_a_node = kSlurm;  // srun --ntasks-per-node 1 una ... --nproc 8
  once_a_node["SLURM_STEP_NUM_TASKS"] = "2";
  once_a_node["SLURM_PROCID"] = "1";
  const Launch slurm = launch(once_a_node, {.nproc = 8});
  expect_ranks(slurm, 8, 16, 2, "--nproc");
  EXPECT_EQ(slurm.host, "gpu03");
  EXPECT_NE(refusal(kSlurm, {.nproc = 8}).find("rank 3 of 4 by Slurm"), std::string::npos);
  EXPECT_NE(refusal({}, {.nproc = 2000}).find("--nproc is 2000"), std::string::npos);
}

TEST(Launch, ARankThatUnaStartedKnowsItselfWhateverElseIsSet) {
  Launch parent = launch({}, {.nproc = 4, .nnodes = 2, .node_rank = 1, .master_addr = "n0"});
  Environment child = kOpenMpi;
  for (const std::string& entry : rank_variables(parent, 2)) {
    const std::size_t equals = entry.find('=');
    child[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  const Launch found = launch(child, {.nproc = 4});
  expect_ranks(found, 6, 8, 2, "--nproc");
  EXPECT_EQ(found.starts, 0);
  EXPECT_EQ(found.host, "n0");
  EXPECT_EQ(found.port, 29500);
  EXPECT_EQ(child["LOCAL_RANK"], "2");
  child["UNA_RANKS_BY"] = "none";  // a program that a rank starts
  expect_ranks(launch(child), 0, 1, 1, "");
}

}  // namespace
}  // namespace una::dist
