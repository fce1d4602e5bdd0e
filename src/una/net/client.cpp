#include "una/net/client.h"

#include <algorithm>
#include <utility>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/net/curl_handle.h"

namespace una::net {
namespace {

constexpr double kLook = 0.1;    // seconds between two looks at Ctrl-C
constexpr double kSilence = 60;  // seconds between two log lines on retries

}  // namespace

Client::Client(ClientOptions options)
    : options_(std::move(options)),
      secrets_({options_.bearer}),
      transfers_({.timeout = options_.timeout,
                  .connect_timeout = options_.connect_timeout,
                  .bearer = options_.bearer}),
      pace_(options_.requests_per_minute),
      rng_(options_.seed, stream_id("http back-off")) {
  check(options_.concurrency >= 1 && options_.max_retries >= 0 && options_.timeout > 0,
        "Client: bad options");
}

std::string Client::failure(const Answer& answer, const std::string& url, std::int64_t tries) const {
  const std::string made = tries > 1 ? cat(" (", tries, " tries)") : "";
  const std::string where = shown_url(url);
  if (answer.status == 0) { return cat(where, ": ", answer.trouble, made); }
  const std::string words = excerpt(answer.body);
  return cat(where, " answered ", answer.status, made, words.empty() ? "" : ": " + words);
}

// A long wait must not look like a hang, a thousand retries must not fill the log.
void Client::tell_of_retry(const Answer& answer, const std::string& url, const Job& job) {
  const double now = monotonic_seconds();
  if (now - last_word_ < kSilence) { return; }
  last_word_ = now;
  log_info(cat(failure(answer, url, 1), "; trying again in ", fixed(std::max(0.0, job.due - now), 1), " s (",
               job.tries, " of ", options_.max_retries, ")"));
}

// Starts what may start now; returns the seconds until the next one may.
double Client::start_due(const std::vector<Request>& requests, std::vector<Job>& waiting,
                         std::vector<Job>& sent) {
  const auto earlier = [](const Job& a, const Job& b) {
    return a.due != b.due ? a.due < b.due : a.index < b.index;
  };
  while (!waiting.empty() && transfers_.in_flight() < static_cast<std::size_t>(options_.concurrency)) {
    const auto next = std::min_element(waiting.begin(), waiting.end(), earlier);
    const double now = monotonic_seconds(), ready = std::max(next->due, pace_.ready_at());
    if (ready > now) { return ready - now; }
    ++traffic_.requests;
    if (next->tries++ > 0) { ++traffic_.retries; }
    pace_.started(now);
    transfers_.start(requests[next->index], next->index);
    sent.push_back(*next);
    waiting.erase(next);
  }
  return kLook;
}

// True when the job is over; else it is due again later.
bool Client::take(Answer answer, const std::string& url, Job& job, Outcome& outcome) {
  answer.body = secrets_.redacted(answer.body);
  answered_ = answered_ || answer.status != 0;
  outcome.status = answer.status;
  if (answer.status >= 200 && answer.status < 300) {
    outcome.ok = true;
    outcome.body = std::move(answer.body);
    return true;
  }
  const double now = monotonic_seconds();
  const double asked = answer.retry_after.value_or(0);
  bool again = (answer.status == 0 || may_pass_later(answer.status)) && job.tries <= options_.max_retries;
  again = again && asked <= options_.longest_pause;
  if (again) {
    job.due = now + backoff_seconds(options_.backoff, options_.backoff_limit, job.tries, rng_);
    if (answer.retry_after && (answer.status == 429 || answer.status == 503)) {
      job.due = now + asked;
      pace_.pause_until(job.due);
    }
    tell_of_retry(answer, url, job);
    return false;
  }
  ++traffic_.failures;
  outcome.failure = failure(answer, url, job.tries);
  if (asked > options_.longest_pause) {
    outcome.failure += cat(" (it asks to wait ", human_seconds(asked), ")");
  }
  if (answer.unreachable && !answered_) { throw InputError(outcome.failure); }
  return true;
}

std::vector<Outcome> Client::post(const std::vector<Request>& requests, const OnDone& on_done) {
  std::vector<Outcome> outcomes(requests.size());
  std::vector<Job> waiting, sent;
  for (std::size_t i = 0; i < requests.size(); ++i) { waiting.push_back({.index = i}); }
  try {
    while (!waiting.empty() || !sent.empty()) {
      if (interrupted()) {
        const std::size_t index = sent.empty() ? waiting.front().index : sent.front().index;
        throw Interrupted(cat("stopped while waiting for ", shown_url(requests[index].url)));
      }
      const double until = start_due(requests, waiting, sent);
      for (Transfers::Done& done : transfers_.wait(std::min(until, kLook))) {
        const auto job =
            std::find_if(sent.begin(), sent.end(), [&](const Job& j) { return j.index == done.tag; });
        check(job != sent.end(), "Client: an answer to nothing");
        if (take(std::move(done.answer), requests[done.tag].url, *job, outcomes[done.tag])) {
          if (on_done) { on_done(done.tag, outcomes[done.tag]); }
        } else {
          waiting.push_back(*job);
        }
        sent.erase(job);
      }
    }
  } catch (...) {
    transfers_.give_up();
    throw;
  }
  return outcomes;
}

}  // namespace una::net
