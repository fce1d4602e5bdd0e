#include "una/dist/c10d_gang.h"

#include <algorithm>
#include <cstring>
#include <thread>

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Logging.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>

#include "una/base/clock.h"
#include "una/base/ending.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/dist/engine.h"
#include "una/dist/machine.h"
#include "una/dist/meeting.h"
#include "una/dist/watch.h"

namespace una::dist {
namespace {

using std::chrono::milliseconds;
using Tensors = std::vector<at::Tensor>;

StorePointer prefixed(const char* name, const StorePointer& store) {
  return c10::make_intrusive<c10d::PrefixStore>(std::string("una/") + name, store);
}

class C10dGang final : public Ranks {
 public:
  C10dGang(const Launch& launch, const RanksOptions& options)
      : rank_(launch.rank), size_(launch.size), deadline_(options.deadline) {
    const Meeting met = meet(launch, options.start);
    place(met.peers);
    store_ = prefixed("gang", met.store);
    watch_ = std::make_unique<Watch>(prefixed("watch", met.store->clone()), prefixed("watch", met.store),
                                     watched(met.peers, options));
    EngineParts parts{.store = prefixed("gloo", met.store),
                      .rank = rank_,
                      .size = size_,
                      .address = met.peers[static_cast<std::size_t>(rank_)].address,
                      .deadline = options.deadline,
                      .threads = options.engine_threads};
    call("the connection of the ranks", [&] {
      engine_ = make_gloo(parts);
      if (!options.checked) { return; }
      parts.store = prefixed("check", met.store);
      parts.threads = 1;
      engine_ = make_checked(engine_, make_gloo(parts));
    });
    watch_->arm();
  }

  // The store's host outlives the others, which still ask it.
  ~C10dGang() override {
    watch_->leave();
    try {
      store_->add("done", 1);
      const double end = monotonic_seconds() + 10;
      while (rank_ == 0 && store_->add("done", 0) < size_ && monotonic_seconds() < end) {
        std::this_thread::sleep_for(milliseconds(5));
      }
    } catch (const std::exception&) {}  // it has gone first
  }
  C10dGang(const C10dGang&) = delete;
  C10dGang& operator=(const C10dGang&) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int local_size() const override { return local_size_; }
  double seconds_in_calls() const override { return seconds_in_calls_; }
  std::string name(int rank) const override { return names_[static_cast<std::size_t>(rank)]; }

  void sum(std::span<double> inout) override {
    at::Tensor numbers =
        at::from_blob(inout.data(), {std::ssize(inout)}, at::TensorOptions().dtype(at::kDouble));
    call("a sum of numbers", [&] { add(numbers); });
  }

  void sum(at::Tensor& inout) override {
    call("a sum of tensors", [&] { add(inout); });
  }

  void broadcast(at::Tensor& inout, int root) override {
    call("a broadcast", [&] {
      Tensors tensors{inout};
      c10d::BroadcastOptions options;
      options.rootRank = root;
      engine_->broadcast(tensors, options)->wait();
    });
  }

  // As broadcasts at one time: Gloo's own gathering needs a copy of the own part, and took twice as long as a sum of the
  // whole (gang_probe bench).
  void gather_parts(at::Tensor& whole) override {
    check(whole.numel() % size_ == 0, "gather_parts: the parts are not equal");
    const std::int64_t each = whole.numel() / size_;
    if (each == 0) { return; }
    call("a gathering of parts", [&] {
      std::vector<c10::intrusive_ptr<c10d::Work>> pending;
      for (int rank = 0; rank < size_; ++rank) {
        Tensors part{whole.narrow(0, rank * each, each)};
        c10d::BroadcastOptions options;
        options.rootRank = rank;
        pending.push_back(engine_->broadcast(part, options));
      }
      for (const auto& one : pending) { one->wait(); }
    });
  }

  bool any(bool mine) override {
    double votes = mine ? 1 : 0;
    at::Tensor one = at::from_blob(&votes, {1}, at::TensorOptions().dtype(at::kDouble));
    call("a vote", [&] { add(one); });
    return votes > 0;
  }

  std::vector<std::string> gather_all(const std::string& bytes) override {
    std::vector<std::string> all;
    call("a gathering of bytes", [&] { all = gather_bytes(bytes); });
    return all;
  }

  std::vector<std::string> gather(const std::string& bytes, int root) override {
    std::vector<std::string> all = gather_all(bytes);
    return rank_ == root ? all : std::vector<std::string>{};
  }

  void barrier() override { wait(deadline_); }
  void wait_for_work() override { wait(std::chrono::hours(24 * 7)); }

  void abort(int exit_code) noexcept override { end(exit_code, "the run ends"); }
  void end(int exit_code, const std::string& why) noexcept override {
    const bool prints = watch_->tell(exit_code, why);
    watch_->end(exit_code, why, prints);
  }

 private:
  // Where the other ranks are.
  void place(const std::vector<Peer>& peers) {
    const std::string& here = peers[static_cast<std::size_t>(rank_)].machine;
    for (int rank = 0; rank < size_; ++rank) {
      const Peer& peer = peers[static_cast<std::size_t>(rank)];
      names_.push_back(cat("rank ", rank, " on host ", peer.host));
      if (peer.machine != here) { continue; }
      if (rank == rank_) { local_rank_ = local_size_; }
      ++local_size_;
    }
  }

  WatchedGang watched(const std::vector<Peer>& peers, const RanksOptions& options) const {
    WatchedGang out{.rank = rank_, .names = names_, .first_here = local_rank_ == 0};
    out.silence = options.silence;
    out.start = options.start;
    for (const Peer& peer : peers) {
      out.here.push_back(peer.machine == peers[static_cast<std::size_t>(rank_)].machine);
    }
    return out;
  }

  // c10d's exceptions become Retryable with the rank that is missing.
  template <class Work>
  void call(const char* what, const Work& work) {
    watch_->begin_call(what);
    const double begin = monotonic_seconds();
    try {
      work();
      seconds_in_calls_ += monotonic_seconds() - begin;
    } catch (const std::exception& error) { throw Retryable(watch_->explain(what, first_line(error))); }
  }

  void add(at::Tensor& tensor) {
    if (tensor.numel() == 0) { return; }
    Tensors tensors{tensor};
    engine_->allreduce(tensors)->wait();
  }

  void wait(milliseconds patience) {
    call("a barrier", [&] {
      c10d::BarrierOptions options;
      options.timeout = patience;
      engine_->barrier(options)->wait();
    });
  }

  // Each rank's block: 8 bytes of length, then what fits; what does not follows in a second message.
  std::vector<std::string> gather_bytes(const std::string& own) {
    constexpr std::size_t kFirst = 2040;
    std::vector<std::string> all = exchange(own.substr(0, kFirst), own.size(), kFirst);
    std::size_t most = 0;
    for (const std::size_t length : lengths_) { most = std::max(most, length); }
    if (most <= kFirst) { return all; }
    const std::vector<std::size_t> whole = lengths_;
    const std::string rest = own.size() > kFirst ? own.substr(kFirst) : "";
    const std::vector<std::string> tails = exchange(rest, rest.size(), most - kFirst);
    for (std::size_t rank = 0; rank < all.size(); ++rank) { all[rank] += tails[rank]; }
    return all;
  }

  // One gathering of blocks of `room` bytes. lengths_ gets what each rank gave as `length`.
  std::vector<std::string> exchange(const std::string& part, std::uint64_t length, std::size_t room) {
    const auto block = static_cast<std::int64_t>(room + sizeof length);
    const auto byte = at::TensorOptions().dtype(at::kByte);
    at::Tensor mine = at::empty({block}, byte), whole = at::empty({size_ * block}, byte);
    auto* out = static_cast<char*>(mine.data_ptr());
    std::memset(out, 0, static_cast<std::size_t>(block));
    std::memcpy(out, &length, sizeof length);
    std::memcpy(out + sizeof length, part.data(), part.size());
    engine_->_allgather_base(whole, mine)->wait();
    std::vector<std::string> all;
    lengths_.assign(static_cast<std::size_t>(size_), 0);
    const auto* in = static_cast<const char*>(whole.data_ptr());
    for (std::size_t& one : lengths_) {
      std::uint64_t theirs = 0;
      std::memcpy(&theirs, in, sizeof theirs);
      one = theirs;
      all.emplace_back(in + sizeof theirs, std::min<std::size_t>(theirs, room));
      in += block;
    }
    return all;
  }

  int rank_, size_, local_rank_ = 0, local_size_ = 0;
  milliseconds deadline_;
  double seconds_in_calls_ = 0;
  std::vector<std::string> names_;
  StorePointer store_;
  std::unique_ptr<Watch> watch_;
  EnginePointer engine_;
  std::vector<std::size_t> lengths_;
};

}  // namespace

std::unique_ptr<Ranks> make_c10d_gang(const Launch& launch, const RanksOptions& options) {
  // c10d's own lines on standard error go with its exceptions, which are told in one sentence.
  constexpr int kFatal = 3;
  if (process_variable("TORCH_CPP_LOG_LEVEL").empty()) { FLAGS_caffe2_log_level = kFatal; }
  return std::make_unique<C10dGang>(launch, options);
}

}  // namespace una::dist
