#include "una/dist/meeting.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <thread>

#include <unistd.h>

#include "una/base/clock.h"
#include "una/base/ending.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/os/host.h"
#include "una/base/os/interrupt.h"
#include "una/dist/machine.h"
#include "una/dist/network.h"

namespace una::dist {
namespace {

using std::chrono::milliseconds;
using TcpStore = c10::intrusive_ptr<c10d::TCPStore>;
using Clock = std::chrono::steady_clock;

constexpr const char* kAddress = "una/rank0";  // in torchrun's store
constexpr const char *kWord = "word", *kSize = "size", *kAllCame = "all";

std::string seconds_text(milliseconds time) {
  return cat(significant(static_cast<double>(time.count()) / 1000, 3), " s");
}

std::vector<std::uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string text(const std::vector<std::uint8_t>& raw) { return {raw.begin(), raw.end()}; }

TcpStore open_store(const std::string& host, std::uint16_t port, bool serve) {
  c10d::TCPStoreOptions options;
  options.port = port;
  options.isServer = serve;
  options.waitWorkers = false;
  options.timeout = std::chrono::minutes(5);
  return c10::make_intrusive<c10d::TCPStore>(host, options);
}

TcpStore serve(const Launch& launch) {
  try {
    return open_store(launch.host, launch.port, true);
  } catch (const std::exception& error) {
    throw InputError(
        cat("rank 0 cannot listen at ", launch.host, ":", launch.port, " (", first_line(error),
            "): another run may have that port; give another --master_port, and rank 0's own machine "
            "as --master_addr"));
  }
}

void wait_for(const std::string& host, std::uint16_t port, milliseconds patience) {
  if (wait_for_listener(host, port, patience)) { return; }
  throw Retryable(cat("no rank 0 at ", host, ":", port, " after ", seconds_text(patience),
                      ": has it started, and is that its machine (--master_addr, MASTER_ADDR)?"));
}

// Rank 0 under torchrun: a store of its own, whose address it leaves in the agent's store.
TcpStore serve_by_agent(const Launch& launch) {
  const TcpStore agent = open_store(launch.host, launch.port, false);
  const std::string own = own_address_towards(launch.host, launch.port);
  const TcpStore store = open_store(own, 0, true);
  std::random_device random;
  const std::string word = std::to_string((std::uint64_t{random()} << 32) | random());
  store->set(kWord, bytes(word));
  agent->set(kAddress, bytes(Json{own, store->getPort(), word}.dump()));
  return store;
}

// The store that torchrun's names, when it is there and answers with the right word; else nullptr.
TcpStore try_address(const Launch& launch, const std::string& left) {
  const Json parts = Json::parse(left);
  const auto told = parts[0].get<std::string>();
  const std::string host = is_loopback(told) ? launch.host : told;  // what rank 0 resolves need not hold here
  const auto port = parts[1].get<std::uint16_t>();
  if (!wait_for_listener(host, port, milliseconds(100))) { return {}; }
  try {
    const TcpStore store = open_store(host, port, false);
    const bool is_it = store->check({kWord}) && text(store->get(kWord)) == parts[2].get<std::string>();
    return is_it ? store : TcpStore();
  } catch (const std::exception&) { return {}; }  // another server has the port by now
}

TcpStore join_by_agent(const Launch& launch, milliseconds patience) {
  const TcpStore agent = open_store(launch.host, launch.port, false);
  const auto end = Clock::now() + patience;
  while (Clock::now() < end) {
    if (agent->check({kAddress})) {
      if (TcpStore found = try_address(launch, text(agent->get(kAddress)))) { return found; }
    }
    if (interrupted()) { throw Interrupted("stopped while it waited for rank 0; nothing was written"); }
    std::this_thread::sleep_for(milliseconds(50));
  }
  throw Retryable(cat("rank 0 did not come within ", seconds_text(patience)));
}

TcpStore open(const Launch& launch, milliseconds patience) {
  if (launch.agent) {
    wait_for(launch.host, launch.port, patience);
    return launch.rank == 0 ? serve_by_agent(launch) : join_by_agent(launch, patience);
  }
  if (launch.rank == 0) { return serve(launch); }
  wait_for(launch.host, launch.port, patience);
  return open_store(launch.host, launch.port, false);
}

std::string come_key(int rank) { return cat("come/", rank); }

// Says that this rank is here.
void come(const Launch& launch, c10d::Store& store, const std::string& address) {
  const std::string own = Json{host_name(), machine_id(), address, process_id()}.dump();
  const std::string first = text(store.compareSet(come_key(launch.rank), {}, bytes(own)));
  if (first == own) { return; }
  const Json other = Json::parse(first);
  throw InputError(cat("two processes are rank ", launch.rank, ": number ", other[3].dump(), " on host ",
                       other[0].get<std::string>(), " and number ", process_id(), " on host ", host_name(),
                       "; do two runs meet at ", launch.host, ":", launch.port,
                       "? Give one another --master_port"));
}

// Rank 0: "" when all have come, else the sentence that names the missing.
std::string wait_for_all(const Launch& launch, c10d::Store& store, milliseconds patience) {
  std::vector<std::string> keys;
  for (int rank = 0; rank < launch.size; ++rank) { keys.push_back(come_key(rank)); }
  const auto end = Clock::now() + patience;
  while (!store.check(keys)) {
    if (interrupted()) { return "stopped while it waited for the other ranks; nothing was written"; }
    if (Clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(10));
      continue;
    }
    std::vector<std::string> missing, here;
    for (int rank = 0; rank < launch.size; ++rank) {
      const std::string& key = keys[static_cast<std::size_t>(rank)];
      const bool came = store.check({key});
      if (!came) { missing.push_back(std::to_string(rank)); }
      if (came) {
        here.push_back(cat(rank, " on ", Json::parse(text(store.get(key)))[0].get<std::string>()));
      }
    }
    return cat("after ", seconds_text(patience), " rank ", join(missing, ", "), " of ", launch.size,
               " has not come; here are rank ", join(here, ", "));
  }
  return "";
}

void wait_for_verdict(const Launch& launch, c10d::Store& store, milliseconds patience) {
  const auto end = Clock::now() + patience + std::chrono::seconds(10);
  const milliseconds pause(std::max(10, launch.size / 2));
  while (!store.check({kAllCame})) {
    if (interrupted()) {
      throw Interrupted("stopped while it waited for the other ranks; nothing was written");
    }
    if (Clock::now() > end) { throw Retryable("rank 0 does not go on: the ranks do not meet"); }
    std::this_thread::sleep_for(pause);
  }
}

void check_size(const Launch& launch, c10d::Store& store) {
  if (launch.rank == 0) { store.set(kSize, bytes(std::to_string(launch.size))); }
  const std::string theirs = text(store.get(kSize));
  check_input(theirs == std::to_string(launch.size), describe(launch, host_name()), ", but rank 0 counts ",
              theirs, " ranks: every machine must be started with the same numbers");
}

std::vector<Peer> read_peers(const Launch& launch, c10d::Store& store) {
  std::vector<std::string> keys;
  for (int rank = 0; rank < launch.size; ++rank) { keys.push_back(come_key(rank)); }
  std::vector<Peer> peers;
  for (const std::vector<std::uint8_t>& raw : store.multiGet(keys)) {
    const Json one = Json::parse(text(raw));
    peers.push_back({one[0].get<std::string>(), one[1].get<std::string>(), one[2].get<std::string>()});
  }
  return peers;
}

}  // namespace

std::string first_line(const std::exception& error) {
  const std::string what = error.what();
  return what.substr(0, what.find('\n'));
}

Meeting meet(const Launch& launch, milliseconds patience) {
  Meeting out;
  out.store = open(launch, patience);
  check_size(launch, *out.store);
  come(launch, *out.store, own_address_towards(out.store->getHost(), out.store->getPort()));
  if (launch.rank == 0) {
    const std::string trouble = wait_for_all(launch, *out.store, patience);
    out.store->set(kAllCame, bytes(trouble));
    if (!trouble.empty()) { std::this_thread::sleep_for(milliseconds(500)); }  // the others read it here
  } else {
    wait_for_verdict(launch, *out.store, patience);
  }
  const std::string trouble = text(out.store->get(kAllCame));
  if (!trouble.empty() && interrupted()) { throw Interrupted(trouble); }
  if (!trouble.empty()) { throw Retryable(trouble); }
  out.peers = read_peers(launch, *out.store);
  // Rank 0's name may lead to its own loopback, where the others would look for it in vain.
  Peer& first = out.peers.front();
  for (const Peer& peer : out.peers) {
    if (launch.rank == 0 && is_loopback(first.address) && !is_loopback(peer.address)) {
      first.address = own_address_towards(peer.address, out.store->getPort());
    }
  }
  return out;
}

}  // namespace una::dist
