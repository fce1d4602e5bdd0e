#include "una/dist/launch.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/hash.h"

namespace una::dist {
namespace {

constexpr int kUsualPort = 29500;                   // torchrun's and Kubeflow's
constexpr const char* kStartedBy = "UNA_RANKS_BY";  // in ranks that una itself started: who asked for them
constexpr const char* kNobody = "none";
constexpr const char* kNodes = "UNA_RANKS_NODES";

// Reads numbers and words from variables.
class Reader {
 public:
  Reader(const Variables& variables, const LaunchKeys& keys) : variables_(variables), keys_(keys) {}

  std::string text(const std::string& name) const { return variables_(name); }
  bool has(const std::string& name) const { return !text(name).empty(); }

  int number(const std::string& name) const {
    const std::string value = text(name);
    int out = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out);
    check_input(error == std::errc() && end == value.data() + value.size() && out >= 0, name, " is '", value,
                "', not a number: the launcher's variables are damaged");
    return out;
  }
  int number(const std::string& name, int otherwise) const { return has(name) ? number(name) : otherwise; }

  // Where the ranks meet: the keys, then MASTER_ADDR and MASTER_PORT, then what the launcher tells by other means.
  void place(Launch& launch, const std::string& told_host, int told_port, const std::string& advice) const {
    launch.host = first({keys_.master_addr, text("MASTER_ADDR"), told_host});
    if (launch.host.empty() && launch.nodes == 1) { launch.host = "127.0.0.1"; }
    check_input(!launch.host.empty(), launch.by, " started ", launch.size, " ranks on ", launch.nodes,
                " machines, but nothing names the machine of rank 0: ", advice);
    const std::int64_t port = keys_.master_port > 0 ? keys_.master_port : number("MASTER_PORT", told_port);
    check_input(port > 0 && port < 65536, "the port where the ranks meet is ", port,
                ", not one of 1 to 65535");
    launch.port = static_cast<std::uint16_t>(port);
  }

 private:
  static std::string first(const std::vector<std::string>& choices) {
    for (const std::string& choice : choices) {
      if (!choice.empty()) { return choice; }
    }
    return "";
  }

  const Variables& variables_;
  const LaunchKeys& keys_;
};

// The same for every rank of a job, and below the ports that systems hand out by themselves.
int port_of(const std::string& job) {
  return job.empty() ? kUsualPort : static_cast<int>(20000 + hash_u64(job) % 12000);
}

void check_ranks(const Launch& launch) {
  check_input(launch.size >= 1 && launch.rank < launch.size, launch.by, ": rank ", launch.rank, " of ",
              launch.size, " ranks: the launcher's variables are damaged");
}

int nodes_of(int size, int local_size) { return std::max(1, size / std::max(1, local_size)); }

std::optional<Launch> by_rank_variables(const Reader& read) {
  if (!read.has("RANK") && read.number("WORLD_SIZE", 1) == 1) { return std::nullopt; }
  check_input(
      read.has("RANK") && read.has("WORLD_SIZE"), read.has("RANK") ? "RANK" : "WORLD_SIZE", " is set, but ",
      read.has("RANK") ? "WORLD_SIZE" : "RANK",
      " is not: a launcher sets both (torchrun --no-python una ...); unset it to train in one process");
  Launch out{.rank = read.number("RANK"), .size = read.number("WORLD_SIZE")};
  const bool elastic = read.has("TORCHELASTIC_RUN_ID");
  out.by = elastic ? "torchrun" : "RANK and WORLD_SIZE";
  check_ranks(out);
  // Without LOCAL_WORLD_SIZE each machine has one rank (Kubeflow's PyTorchJob), or LOCAL_RANK counts them.
  const int local_size = read.number("LOCAL_WORLD_SIZE", read.has("LOCAL_RANK") ? out.size : 1);
  out.nodes = read.number("GROUP_WORLD_SIZE", nodes_of(out.size, local_size));
  out.agent = elastic && read.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (out.size > 1) { read.place(out, "", kUsualPort, "set MASTER_ADDR"); }
  return out;
}

// Ranks a machine on Kubeflow. Its default on machines without cards is the number of processors, each of which
// would be a rank with one thread: one rank a NUMA node is meant.
int kubeflow_local_ranks(const std::string& text, const Machine& machine) {
  const int by_memory = std::max(1, machine.numa_nodes);
  if (text == "auto" || text == "cpu" || text.empty()) { return machine.card ? 1 : by_memory; }
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  check_input(error == std::errc() && end == text.data() + text.size() && count >= 1,
              "PET_NPROC_PER_NODE is '", text, "': una reads a number, auto or cpu");
  return !machine.card && count == machine.processors ? std::min(by_memory, count) : count;
}

std::optional<Launch> by_kubeflow(const Reader& read, const Machine& machine) {
  // In a rank of torchrun they are the arguments that torchrun has read.
  if (!read.has("PET_NNODES") || read.has("TORCHELASTIC_RUN_ID")) { return std::nullopt; }
  check_input(read.text("PET_NNODES").find(':') == std::string::npos, "PET_NNODES is ",
              read.text("PET_NNODES"), ": una starts a fixed number of machines; elastic ones need torchrun");
  Launch out{.nodes = std::max(1, read.number("PET_NNODES")), .by = "Kubeflow (PET_*)"};
  const int local = kubeflow_local_ranks(read.text("PET_NPROC_PER_NODE"), machine);
  out.rank = read.number("PET_NODE_RANK", 0) * local;
  out.size = out.nodes * local;
  check_ranks(out);
  out.starts = local > 1 ? local : 0;
  if (out.size > 1) {
    read.place(out, read.text("PET_MASTER_ADDR"), read.number("PET_MASTER_PORT", kUsualPort),
               "set PET_MASTER_ADDR");
  }
  return out;
}

// Only inside a job step: sbatch sets SLURM_NTASKS in its own shell too. A shell as the job runs una by hand.
std::optional<Launch> by_slurm(const Reader& read) {
  const std::string job = read.text("SLURM_JOB_NAME");
  if (!read.has("SLURM_STEP_ID") || job == "bash" || job == "interactive") { return std::nullopt; }
  Launch out{.rank = read.number("SLURM_PROCID", 0),
             .size = read.number("SLURM_STEP_NUM_TASKS", read.number("SLURM_NTASKS", 1)),
             .by = "Slurm"};
  out.nodes = read.number("SLURM_STEP_NUM_NODES", read.number("SLURM_NNODES", 1));
  check_ranks(out);
  if (out.size == 1) { return out; }
  const std::string nodes = read.has("SLURM_STEP_NODELIST") ? "SLURM_STEP_NODELIST" : "SLURM_JOB_NODELIST";
  read.place(out, first_host(read.text(nodes)),
             port_of(read.text("SLURM_JOB_ID") + "." + read.text("SLURM_STEP_ID")), "set MASTER_ADDR");
  return out;
}

std::optional<Launch> by_mpi(const Reader& read) {
  const bool open_mpi = read.has("OMPI_COMM_WORLD_SIZE");
  // In a job step PMI_* are Slurm's own (srun --mpi=pmi2), whose other variables tell more.
  if (!open_mpi && (!read.has("PMI_SIZE") || read.has("SLURM_STEP_ID"))) { return std::nullopt; }
  const std::string prefix = open_mpi ? "OMPI_COMM_WORLD_" : "PMI_";
  Launch out{.rank = read.number(prefix + "RANK"), .size = read.number(prefix + "SIZE")};
  out.by = open_mpi ? "Open MPI" : "PMI (MPICH, Intel MPI)";
  check_ranks(out);
  const int local = read.number("OMPI_COMM_WORLD_LOCAL_SIZE", read.number("MPI_LOCALNRANKS", 1));
  out.nodes = nodes_of(out.size, local);
  if (out.size == 1) { return out; }
  const std::string job = open_mpi ? "PMIX_NAMESPACE" : "PMI_JOBID";
  read.place(out, "", port_of(read.text(job)),
             "give --master_addr HOST (or mpirun -x MASTER_ADDR=HOST): mpirun tells its ranks no address");
  return out;
}

std::optional<Launch> by_skypilot(const Reader& read, const Machine& machine) {
  if (!read.has("SKYPILOT_NODE_RANK")) { return std::nullopt; }
  Launch out{.nodes = std::max(1, read.number("SKYPILOT_NUM_NODES", 1)), .by = "SkyPilot"};
  const int cards = read.number("SKYPILOT_NUM_GPUS_PER_NODE", 0);
  const int local = machine.card ? std::max(1, cards) : 1;
  out.rank = read.number("SKYPILOT_NODE_RANK") * local;
  out.size = out.nodes * local;
  check_ranks(out);
  out.starts = local > 1 ? local : 0;
  if (out.size == 1) { return out; }
  const std::vector<std::string> addresses = split(read.text("SKYPILOT_NODE_IPS"), '\n');
  read.place(out, std::string(trim(addresses.front())), kUsualPort, "SKYPILOT_NODE_IPS is empty");
  return out;
}

// A rank that una started itself, or a program that a rank started: nothing else is looked at.
std::optional<Launch> by_una(const Reader& read) {
  if (!read.has(kStartedBy)) { return std::nullopt; }
  if (read.text(kStartedBy) == kNobody) { return Launch{}; }
  Launch out{.rank = read.number("RANK"), .size = read.number("WORLD_SIZE"), .nodes = read.number(kNodes)};
  out.by = read.text(kStartedBy);
  out.host = read.text("MASTER_ADDR");
  out.port = static_cast<std::uint16_t>(read.number("MASTER_PORT"));
  return out;
}

// `outer` started `inner`'s launcher once a node, or runs just this one process. Open MPI starts a daemon by srun on
// each node but the first.
bool starts_once_a_node(const Launch& outer, const Launch& inner) {
  if (outer.size == 1) { return true; }
  return inner.size > outer.size && (outer.size == inner.nodes || outer.size + 1 == inner.nodes);
}

bool is_same(const Launch& one, const Launch& other) {
  const bool within = one.rank >= other.rank && one.rank < other.rank + std::max(1, other.starts);
  return one.size == other.size && within;
}

std::string ranks_text(const Launch& launch) {
  return launch.size == 1 ? cat("one process by ", launch.by)
                          : cat("rank ", launch.rank, " of ", launch.size, " by ", launch.by);
}

// The launcher that counts of those found, best first.
Launch choose(const std::vector<Launch>& found) {
  Launch chosen = found.front();
  for (std::size_t i = 1; i < found.size(); ++i) {
    const Launch& other = found[i];
    if (is_same(chosen, other) || starts_once_a_node(other, chosen)) { continue; }
    check_input(starts_once_a_node(chosen, other), "two launchers disagree: ", ranks_text(chosen), ", but ",
                ranks_text(other), "; start una by one of them (the variables of the other can be unset)");
    chosen = other;
  }
  return chosen;
}

// --nproc and --nnodes: this process starts its machine's ranks. A launcher may have started una once a machine.
Launch by_keys(const LaunchKeys& keys, const std::optional<Launch>& launcher, const Reader& read) {
  Launch out{.by = "--nproc"};
  const int local = static_cast<int>(std::max<std::int64_t>(1, keys.nproc));
  std::int64_t nodes = std::max<std::int64_t>(1, keys.nnodes), node = keys.node_rank;
  std::string host;
  int port = kUsualPort;
  if (launcher && launcher->size > 1) {
    const bool once_a_machine = launcher->size == launcher->nodes || launcher->starts > 0;
    check_input(once_a_machine && !launcher->agent && (keys.nnodes == 0 || keys.nnodes == launcher->nodes),
                "--nproc ", local, " starts the ranks of this machine, but this process is ",
                ranks_text(*launcher), ": leave --nproc out, or start una once a machine");
    nodes = launcher->nodes;
    node = launcher->starts > 0 ? launcher->rank / launcher->starts : launcher->rank;
    host = launcher->host;
    port = launcher->port;
  }
  check_input(node >= 0 && node < nodes, "--node_rank is ", node, ", but there are ", nodes,
              " machines (--nnodes), counted from 0");
  out.nodes = static_cast<int>(nodes);
  out.size = out.nodes * local;
  out.rank = static_cast<int>(node) * local;
  out.starts = local > 1 ? local : 0;
  if (nodes > 1) {
    read.place(out, host, port, "give --master_addr HOST");
  } else {
    out.host = "127.0.0.1";
    out.port = static_cast<std::uint16_t>(keys.master_port);
  }
  return out;
}

}  // namespace

std::string process_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::string first_host(const std::string& list) {
  const std::size_t end = list.find_first_of(",[");
  if (end == std::string::npos || list[end] == ',') { return list.substr(0, end); }
  const std::size_t stop = list.find_first_of(",-]", end + 1);
  return list.substr(0, end) + list.substr(end + 1, stop - end - 1);
}

Launch read_launch(const LaunchKeys& keys, const Machine& machine, const Variables& variables) {
  check_input(keys.nproc >= 0 && keys.nproc <= 1024, "--nproc is ", keys.nproc,
              ": a machine takes 1 to 1024 ranks (0: the launcher's number, else 1)");
  check_input(keys.nnodes >= 0 && keys.nnodes <= 65536, "--nnodes is ", keys.nnodes, ": give 1 or more");
  check_input(keys.master_port >= 0 && keys.master_port < 65536, "--master_port is ", keys.master_port,
              ": give a number up to 65535");
  const Reader read(variables, keys);
  if (const std::optional<Launch> own = by_una(read)) { return *own; }
  std::vector<Launch> found;
  for (const std::optional<Launch>& one : {by_rank_variables(read), by_kubeflow(read, machine),
                                           by_slurm(read), by_mpi(read), by_skypilot(read, machine)}) {
    if (one) { found.push_back(*one); }
  }
  std::optional<Launch> launcher;
  if (!found.empty()) { launcher = choose(found); }
  if (keys.nproc > 1 || keys.nnodes > 1) { return by_keys(keys, launcher, read); }
  if (!launcher || launcher->size == 1) { return {}; }
  check_input(keys.nproc != 1 || launcher->starts == 0, "--nproc 1, but ", launcher->by, " asks for ",
              launcher->starts, " ranks a machine");
  return *launcher;
}

std::string describe(const Launch& launch, const std::string& host) {
  if (launch.size == 1) { return cat("one process on host ", host); }
  return cat("rank ", launch.rank, " of ", launch.size, " on host ", host, ", by ", launch.by);
}

std::vector<std::string> rank_variables(const Launch& launch, int local) {
  return {cat("RANK=", launch.rank + local), cat("WORLD_SIZE=", launch.size),
          cat("LOCAL_RANK=", local),         cat("LOCAL_WORLD_SIZE=", launch.starts),
          cat("MASTER_ADDR=", launch.host),  cat("MASTER_PORT=", launch.port),
          cat(kStartedBy, "=", launch.by),   cat(kNodes, "=", launch.nodes)};
}

bool is_restart(const Variables& variables) {
  const LaunchKeys none;
  const Reader read(variables, none);
  return read.number("TORCHELASTIC_RESTART_COUNT", 0) > 0 || read.number("SLURM_RESTART_COUNT", 0) > 0;
}

void hide_launch_from_children() { ::setenv(kStartedBy, kNobody, /*overwrite=*/1); }

}  // namespace una::dist
