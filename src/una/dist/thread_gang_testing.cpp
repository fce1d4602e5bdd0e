#include "una/dist/thread_gang_testing.h"

#include <algorithm>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string_view>
#include <thread>

#include <ATen/TensorOperators.h>
#include <ATen/ops/zeros_like.h>

#include "una/base/error.h"

namespace una::dist::testing {
namespace {

// What a rank gets that waits for one which is gone.
struct RankLeft : InternalError {
  RankLeft() : InternalError("a rank of the gang ended while another waited for it") {}
};

}  // namespace

// Where the ranks leave something for each other. Thread-safe: one mutex guards every member.
class Meeting {
 public:
  explicit Meeting(int size) : slots_(static_cast<std::size_t>(size)), names_(slots_.size()) {}

  // Leaves `own` for the others, lets `read` see what each rank left (by rank), and waits until all have read.
  template <class Read>
  void share(int rank, const char* what, const void* own, const Read& read) {
    slots_[static_cast<std::size_t>(rank)] = own;
    names_[static_cast<std::size_t>(rank)] = what;
    wait_for_all();
    for (const char* name : names_) {
      check(std::string_view(name) == what, "the ranks call different collectives");
    }
    read(slots_);
    wait_for_all();
  }

  void begin() {
    const std::lock_guard lock(mutex_);
    arrived_ = 0;
    left_ = false;
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    left_ = true;
    moved_.notify_all();
  }

 private:
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    if (left_) { throw RankLeft(); }
    const std::size_t round = round_;
    if (++arrived_ == slots_.size()) {
      arrived_ = 0;
      ++round_;
      moved_.notify_all();
      return;
    }
    moved_.wait(lock, [&] { return round_ != round || left_; });
    if (round_ == round) { throw RankLeft(); }
  }

  std::mutex mutex_;
  std::condition_variable moved_;
  std::vector<const void*> slots_;
  std::vector<const char*> names_;
  std::size_t arrived_ = 0, round_ = 0;
  bool left_ = false;
};

namespace {

// One thread's end of the meeting.
class ThreadRank final : public Gang {
 public:
  ThreadRank(Meeting& meeting, int rank, int size) : meeting_(meeting), rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void sum(std::span<double> inout) override {
    std::vector<double> total(inout.size(), 0);
    read_all<std::span<double>>("sum", inout, [&](const std::span<double>& one) {
      check(one.size() == total.size(), "the ranks add up different numbers of doubles");
      for (std::size_t i = 0; i < total.size(); ++i) { total[i] += one[i]; }
    });
    std::copy(total.begin(), total.end(), inout.begin());
  }

  void sum(at::Tensor& inout) override {
    at::Tensor total = at::zeros_like(inout);
    read_all<at::Tensor>("sum of tensors", inout, [&](const at::Tensor& one) {
      check(one.sizes() == total.sizes(), "the ranks add up tensors of different shapes");
      total += one;
    });
    inout.copy_(total);
  }

  void broadcast(at::Tensor& inout, int root) override {
    at::Tensor value;
    int from = 0;
    read_all<at::Tensor>("broadcast", inout, [&](const at::Tensor& one) {
      if (from++ == root) { value = one.clone(); }
    });
    inout.copy_(value);
  }

  void gather_parts(at::Tensor& whole) override {
    check(whole.numel() % size_ == 0, "gather_parts: the parts are not equal");
    const std::int64_t each = whole.numel() / size_;
    std::int64_t from = 0;
    read_all<at::Tensor>("parts", whole, [&](const at::Tensor& one) {
      check(one.sizes() == whole.sizes(), "the ranks gather parts of different sizes");
      const std::int64_t begin = each * from;
      if (from++ != rank_) { whole.narrow(0, begin, each).copy_(one.narrow(0, begin, each)); }
    });
  }

  bool any(bool mine) override {
    bool found = false;
    read_all<bool>("any", mine, [&](bool one) { found = found || one; });
    return found;
  }

  std::vector<std::string> gather_all(const std::string& bytes) override {
    std::vector<std::string> all;
    read_all<std::string>("gather", bytes, [&](const std::string& one) { all.push_back(one); });
    return all;
  }

  std::vector<std::string> gather(const std::string& bytes, int root) override {
    std::vector<std::string> all = gather_all(bytes);
    return rank_ == root ? all : std::vector<std::string>{};
  }

  void barrier() override { any(false); }
  void abort(int exit_code) noexcept override { std::_Exit(exit_code); }

 private:
  template <class Value, class Each>
  void read_all(const char* what, const Value& own, const Each& each) {
    meeting_.share(rank_, what, &own, [&](const std::vector<const void*>& slots) {
      for (const void* slot : slots) { each(*static_cast<const Value*>(slot)); }
    });
  }

  Meeting& meeting_;
  int rank_, size_;
};

bool is_rank_left(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const RankLeft&) { return true; } catch (...) {
    return false;
  }
}

}  // namespace

ThreadGang::ThreadGang(int size) : meeting_(std::make_unique<Meeting>(size)) {
  for (int rank = 0; rank < size; ++rank) {
    ranks_.push_back(std::make_unique<ThreadRank>(*meeting_, rank, size));
  }
}

ThreadGang::~ThreadGang() = default;

void ThreadGang::run(const std::function<void(Gang& gang)>& work) {
  meeting_->begin();
  std::vector<std::exception_ptr> errors(ranks_.size());
  const auto run_rank = [&](std::size_t rank) {
    try {
      work(*ranks_[rank]);
    } catch (...) { errors[rank] = std::current_exception(); }
    meeting_->leave();
  };
  std::vector<std::thread> threads;
  for (std::size_t rank = 1; rank < ranks_.size(); ++rank) { threads.emplace_back(run_rank, rank); }
  run_rank(0);
  for (std::thread& thread : threads) { thread.join(); }
  std::exception_ptr first;
  for (const std::exception_ptr& error : errors) {
    if (error && (!first || (is_rank_left(first) && !is_rank_left(error)))) { first = error; }
  }
  if (first) { std::rethrow_exception(first); }
}

}  // namespace una::dist::testing
