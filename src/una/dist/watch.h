#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "una/dist/engine.h"

namespace una::dist {

// What a watch knows of its gang.
struct WatchedGang {
  int rank = 0;
  std::vector<std::string> names;                          // by rank: "rank 3 on host b"
  std::vector<bool> here;                                  // by rank: on this machine
  bool first_here = true;                                  // this rank prints for its machine
  std::chrono::milliseconds silence{6000}, start{300000};  // silence from arm() on, and before
};

// Ends this process as soon as the gang is broken, whatever its main thread waits for or computes. Once a second each
// rank leaves a beat in the store, reads its right neighbour's, and looks whether a rank said that it is over: a few
// small requests a rank and second, over a connection of its own. So a rank that is dead, stopped or cut off is noticed
// by its neighbour after `silence`, the store's host by everyone, and all end about a second later. Only some requests
// of a TCPStore have a timeout, so a second thread minds the first. Exit code 75, or the code of the rank that said so.
// The store's host goes last: each rank leaves there that it has heard why all end.
// A signal to one rank is passed on in the same way, as if it had come to all.
class Watch {
 public:
  // `own` is this watch's connection; `shared` is the main thread's, for calls of this object.
  Watch(StorePointer own, StorePointer shared, WatchedGang gang);
  ~Watch();  // the others do not miss this rank any more
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  void arm();                         // the ranks are connected: from here on silence is a loss
  void leave();                       // the work is done: from here on the store may go
  void begin_call(const char* what);  // the collective that the main thread enters; a literal
  // Says that it is over. False when another rank has said the same sentence before.
  bool tell(int exit_code, const std::string& why) noexcept;
  // Why a collective failed: names the rank that is gone or has not come. Takes up to some seconds. Ends this process
  // where another rank has said that it is over.
  std::string explain(const char* what, const std::string& error);
  // Ends this process, once: a second caller waits for the end.
  [[noreturn]] void end(int exit_code, const std::string& sentence, bool prints) noexcept;

 private:
  // What a rank left at its last beat.
  struct Beat {
    std::int64_t number = 0, calls = 0;
    std::string what;
  };
  struct Word {
    int exit_code = 75, by = 0;
    std::string why;
  };
  Beat read_beat(c10d::Store& store, int rank) const;
  std::optional<Word> read_word(c10d::Store& store) const;
  void claim_end() noexcept;
  [[noreturn]] void finish(int exit_code, const std::string& sentence, bool prints) noexcept;
  [[noreturn]] void end_by(const Word& word) noexcept;
  void linger(int exit_code) noexcept;
  [[noreturn]] void end_without_store(const std::string& how) noexcept;
  void beat();
  void listen();
  void pass_on_signal();
  void loop();
  void mind();
  std::vector<int> silent_ranks(const std::vector<Beat>& before);
  std::string late_ranks();

  StorePointer own_, shared_;
  WatchedGang gang_;
  std::atomic<bool> done_{false}, ending_{false}, armed_{false}, leaving_{false}, over_{false};
  bool stop_passed_on_ = false;
  std::atomic<double> answered_;  // monotonic seconds of the store's last answer
  std::atomic<std::int64_t> calls_{0};
  std::atomic<const char*> what_{"the start"};
  std::int64_t beats_ = 0, last_heard_ = -1;
  double heard_at_ = 0;
  std::thread loop_, minder_;
};

}  // namespace una::dist
