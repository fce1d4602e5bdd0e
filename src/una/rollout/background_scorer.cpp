#include "una/rollout/background_scorer.h"

#include <iterator>
#include <utility>

#include "una/base/error.h"

namespace una::rollout {

BackgroundScorer::BackgroundScorer(reward::Reward& reward) : reward_(reward), thread_([this] { work(); }) {}

BackgroundScorer::~BackgroundScorer() { close(); }

void BackgroundScorer::add(const Group& group) {
  Job job{.index = group.index, .questions = questions_of(group)};
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  arrived_.notify_one();
}

bool BackgroundScorer::take(std::vector<Job>& jobs) {
  std::unique_lock<std::mutex> lock(mutex_);
  arrived_.wait(lock, [this] { return closed_ || !waiting_.empty(); });
  jobs = std::exchange(waiting_, {});
  return !jobs.empty();
}

void BackgroundScorer::score(const std::vector<Job>& jobs) {
  std::vector<reward::Question> questions;
  for (const Job& job : jobs) {
    questions.insert(questions.end(), job.questions.begin(), job.questions.end());
  }
  if (questions.empty()) { return; }
  const std::vector<reward::Verdict> found = reward_.score(questions);
  check(found.size() == questions.size(), "a reward gave another number of verdicts than questions");
  auto next = found.begin();
  for (const Job& job : jobs) {
    const auto end = std::next(next, std::ssize(job.questions));
    verdicts_[job.index].assign(next, end);
    next = end;
  }
}

void BackgroundScorer::work() {
  std::vector<Job> jobs;
  while (take(jobs)) {
    try {
      if (!failure_) { score(jobs); }
    } catch (...) { failure_ = std::current_exception(); }
  }
}

void BackgroundScorer::close() {
  if (!thread_.joinable()) { return; }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    closed_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void BackgroundScorer::finish(std::vector<Group>& groups) {
  close();
  if (failure_) { std::rethrow_exception(failure_); }
  for (Group& group : groups) {
    const std::vector<reward::Verdict>& verdicts = verdicts_[group.index];
    check(verdicts.size() == group.answers.size(), "BackgroundScorer: a group was not added whole");
    for (std::size_t i = 0; i < verdicts.size(); ++i) { take_verdict(verdicts[i], group.answers[i]); }
  }
}

}  // namespace una::rollout
