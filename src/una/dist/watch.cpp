#include "una/dist/watch.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "una/base/clock.h"
#include "una/base/ending.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/os/interrupt.h"
#include "una/base/os/interrupt_elsewhere.h"
#include "una/base/printable.h"
#include "una/dist/launch.h"
#include "una/dist/meeting.h"

namespace una::dist {
namespace {

using std::chrono::milliseconds;

constexpr const char* kOver = "over";
constexpr const char* kLeft = "left";
constexpr const char* kStop = "stop";
// Seconds that the store's host waits at most until the others have read that a rank is lost. Who reads it too late
// ends with the same code, because the host is gone.
constexpr double kLingerForTheLost = 1.8;

std::vector<std::uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }
std::string text(const std::vector<std::uint8_t>& raw) { return {raw.begin(), raw.end()}; }
std::string beat_key(int rank) { return cat("beat/", rank); }
std::string heard_key(int rank) { return cat("heard/", rank); }
double seconds(milliseconds time) { return static_cast<double>(time.count()) / 1000; }

void sleep_seconds(double time) { std::this_thread::sleep_for(std::chrono::duration<double>(time)); }

// torchrun shows the earliest of these files to its user.
void write_torchruns_file(const std::string& sentence) {
  const std::string path = process_variable("TORCHELASTIC_ERROR_FILE");
  if (path.empty()) { return; }
  const auto now = static_cast<std::int64_t>(unix_seconds());
  std::ofstream(path) << Json{{"message",
                               {{"message", sentence}, {"extraInfo", {{"timestamp", std::to_string(now)}}}}}}
                             .dump();
}

}  // namespace

Watch::Watch(StorePointer own, StorePointer shared, WatchedGang gang)
    : own_(std::move(own)),
      shared_(std::move(shared)),
      gang_(std::move(gang)),
      answered_(monotonic_seconds()) {
  heard_at_ = monotonic_seconds();
  loop_ = std::thread([this] { loop(); });
  minder_ = std::thread([this] { mind(); });
}

Watch::~Watch() {
  leaving_ = true;
  done_ = true;
  loop_.join();
  over_ = true;  // until then a host that hangs is noticed
  minder_.join();
  try {
    own_->set(beat_key(gang_.rank), bytes(kLeft));
  } catch (const std::exception&) {}  // the store's host has gone first
}

void Watch::arm() {
  answered_ = monotonic_seconds();
  armed_ = true;
}

void Watch::leave() { leaving_ = true; }

void Watch::begin_call(const char* what) {
  what_ = what;
  ++calls_;
}

Watch::Beat Watch::read_beat(c10d::Store& store, int rank) const {
  if (!store.check({beat_key(rank)})) { return {}; }
  const std::string raw = text(store.get(beat_key(rank)));
  if (raw == kLeft) { return {-1, 0, kLeft}; }
  const Json parts = Json::parse(raw);
  return {parts[0].get<std::int64_t>(), parts[1].get<std::int64_t>(), parts[2].get<std::string>()};
}

std::optional<Watch::Word> Watch::read_word(c10d::Store& store) const {
  if (!store.check({kOver})) { return std::nullopt; }
  const Json parts = Json::parse(text(store.get(kOver)));
  return Word{parts[0].get<int>(), parts[1].get<int>(), parts[2].get<std::string>()};
}

bool Watch::tell(int exit_code, const std::string& why) noexcept {
  try {
    shared_->set(heard_key(gang_.rank), bytes(""));
    const std::string mine = Json{exit_code, gang_.rank, why}.dump();
    const std::string first = text(shared_->compareSet(kOver, {}, bytes(mine)));
    return first == mine || Json::parse(first)[2] != why;
  } catch (...) { return true; }
}

// A second thread waits for the end that the first has begun.
void Watch::claim_end() noexcept {
  if (!ending_.exchange(true)) { return; }
  for (;;) { sleep_seconds(60); }
}

void Watch::end(int exit_code, const std::string& sentence, bool prints) noexcept {
  claim_end();
  finish(exit_code, sentence, prints);
}

void Watch::finish(int exit_code, const std::string& sentence, bool prints) noexcept {
  if (prints) {
    const char* advice = exit_code == kExitTryAgain ? "; start again from the newest checkpoint" : "";
    std::fprintf(stderr, "una: %s%s\n", printable(sentence).c_str(), advice);
    std::fflush(stderr);
  }
  try {
    write_torchruns_file(sentence);
  } catch (...) {}
  if (gang_.rank == 0) { linger(exit_code); }
  std::_Exit(exit_code);
}

// In the store's host: until every other rank has read why. One that has not after `silence` is lost as well.
void Watch::linger(int exit_code) noexcept {
  try {
    std::vector<std::string> heard;
    for (std::size_t rank = 1; rank < gang_.names.size(); ++rank) {
      heard.push_back(heard_key(static_cast<int>(rank)));
    }
    const bool is_lost = exit_code == kExitTryAgain;
    const double end = monotonic_seconds() + (is_lost ? kLingerForTheLost : seconds(gang_.silence));
    while (monotonic_seconds() < end && !own_->check(heard)) { sleep_seconds(0.02); }
  } catch (...) { sleep_seconds(0.5); }
}

// This thread has the end before it says that it has heard: then the store may go, and a thread that finds it gone
// can no longer end with another code.
void Watch::end_by(const Word& word) noexcept {
  claim_end();
  try {
    own_->set(heard_key(gang_.rank), bytes(""));
  } catch (...) {}
  const auto by = static_cast<std::size_t>(word.by);
  const bool lost = word.exit_code == kExitTryAgain;
  // The rank that said it has printed it for its machine, unless it is this one: then the watch said it.
  finish(word.exit_code, lost ? word.why : cat(gang_.names[by], ": ", word.why),
         word.by == gang_.rank || (gang_.first_here && !gang_.here[by]));
}

void Watch::end_without_store(const std::string& how) noexcept {
  end(kExitTryAgain, cat(gang_.names[0], ", which keeps the ranks together, ", how),
      gang_.first_here || gang_.rank == 1);
}

void Watch::beat() {
  own_->set(beat_key(gang_.rank), bytes(Json{++beats_, calls_.load(), what_.load()}.dump()));
}

void Watch::listen() {
  const int right = (gang_.rank + 1) % static_cast<int>(gang_.names.size());
  const Beat beat = read_beat(*own_, right);
  const double now = monotonic_seconds();
  if (beat.number != last_heard_ || beat.what == kLeft) { heard_at_ = now; }
  last_heard_ = beat.number;
  const double patience = seconds(armed_ ? gang_.silence : gang_.start);
  if (now - heard_at_ > patience) {
    const std::string why =
        cat(gang_.names[static_cast<std::size_t>(right)], " has given no sign of life for ",
            fixed(patience, 0), " s: it was killed, hangs, or its machine or network is down");
    own_->compareSet(kOver, {}, bytes(Json{kExitTryAgain, gang_.rank, why}.dump()));
  }
  if (const std::optional<Word> word = read_word(*own_); word && !done_) { end_by(*word); }
}

void Watch::pass_on_signal() {
  if (stop_passed_on_) { return; }
  if (interrupted()) { own_->set(kStop, bytes(std::to_string(interrupt_signal()))); }
  if (!own_->check({kStop})) { return; }
  note_interrupt_elsewhere(std::stoi(text(own_->get(kStop))));
  stop_passed_on_ = true;
}

void Watch::loop() {
  while (!done_) {
    try {
      beat();
      listen();
      pass_on_signal();
    } catch (const std::exception& error) {
      if (leaving_) {
        over_ = true;
        return;
      }
      end_without_store(cat("is gone (", first_line(error), ")"));
    }
    answered_ = monotonic_seconds();
    for (int i = 0; i < 20 && !done_; ++i) { sleep_seconds(0.05); }
  }
}

void Watch::mind() {
  while (!over_) {
    const double patience = seconds(armed_ ? gang_.silence : gang_.start) + 1;
    if (monotonic_seconds() - answered_ > patience) {
      end_without_store(cat("has not answered for ", fixed(patience, 0),
                            " s: it hangs, or its machine or network is down"));
    }
    sleep_seconds(0.05);
  }
}

// The ranks without a new beat since `before`.
std::vector<int> Watch::silent_ranks(const std::vector<Beat>& before) {
  std::vector<int> silent;
  for (std::size_t rank = 0; rank < before.size(); ++rank) {
    const Beat now = read_beat(*shared_, static_cast<int>(rank));
    if (now.number == before[rank].number && now.what != kLeft) { silent.push_back(static_cast<int>(rank)); }
  }
  return silent;
}

// " (rank 2 on host b is still at sum)" for the ranks that have made fewer calls than the others; "" for none.
std::string Watch::late_ranks() {
  std::vector<Beat> beats;
  std::int64_t most = 0;
  for (int rank = 0; rank < static_cast<int>(gang_.names.size()); ++rank) {
    beats.push_back(read_beat(*shared_, rank));
    most = std::max(most, beats.back().calls);
  }
  std::vector<std::string> late;
  for (std::size_t rank = 0; rank < beats.size(); ++rank) {
    if (beats[rank].calls < most) {
      late.push_back(cat(gang_.names[rank], " has not come: its last call was ", beats[rank].what));
    }
  }
  return join(late, "; ");
}

std::string Watch::explain(const char* what, const std::string& error) {
  constexpr double kTwoBeats = 3.5;  // seconds, of a machine that is busy
  try {
    std::vector<Beat> before;
    for (int rank = 0; rank < static_cast<int>(gang_.names.size()); ++rank) {
      before.push_back(read_beat(*shared_, rank));
    }
    const double end = monotonic_seconds() + kTwoBeats;
    while (monotonic_seconds() < end) {
      if (const std::optional<Word> word = read_word(*shared_)) { end_by(*word); }
      sleep_seconds(0.1);
    }
    std::vector<std::string> lost;
    for (const int rank : silent_ranks(before)) {
      lost.push_back(gang_.names[static_cast<std::size_t>(rank)]);
    }
    if (!lost.empty()) { return cat(join(lost, ", "), " has ended or is cut off (seen in ", what, ")"); }
    const std::string late = late_ranks();
    return cat(late.empty() ? "the ranks are alive" : late, "; ", what, " failed: ", error);
  } catch (const std::exception&) { return cat(gang_.names[0], ", which keeps the ranks together, is gone"); }
}

}  // namespace una::dist
