#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "una/reward/reward.h"
#include "una/rollout/rollout.h"

namespace una::rollout {

// Scores groups while others are still sampled, for rewards that wait for someone else (Reward::waits). A
// thread of its own, which alone calls the reward; what has come in during one call goes into the next.
class BackgroundScorer {
 public:
  explicit BackgroundScorer(reward::Reward& reward);
  ~BackgroundScorer();  // waits for the call that is under way
  BackgroundScorer(const BackgroundScorer&) = delete;
  BackgroundScorer& operator=(const BackgroundScorer&) = delete;

  // A group with all its answers. Their text is copied.
  void add(const Group& group);
  // Waits until all that was added is scored and fills the answers, as score() does. Throws what the reward
  // threw. Every group must have been added; no add() after it.
  void finish(std::vector<Group>& groups);

 private:
  // One prompt's answers that wait for their rewards.
  struct Job {
    std::int64_t index = 0;  // of the group's prompt
    std::vector<reward::Question> questions;
  };
  void work();
  bool take(std::vector<Job>& jobs);  // waits; false: closed, and nothing is left
  void score(const std::vector<Job>& jobs);
  void close();

  reward::Reward& reward_;
  std::mutex mutex_;  // of waiting_ and closed_
  std::condition_variable arrived_;
  std::vector<Job> waiting_;
  bool closed_ = false;
  // The thread's until it is joined.
  std::map<std::int64_t, std::vector<reward::Verdict>> verdicts_;  // by the prompt's index
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace una::rollout
