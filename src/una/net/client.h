#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "una/net/http.h"
#include "una/net/pace.h"
#include "una/net/secrets.h"
#include "una/net/transfer.h"

namespace una::net {

// Limits of a client and its key.
struct ClientOptions {
  double timeout = 60;                   // seconds of one try
  double connect_timeout = 10;           // seconds
  std::int64_t concurrency = 4;          // requests in flight
  std::int64_t requests_per_minute = 0;  // tries that begin in a minute; 0: no limit
  std::int64_t max_retries = 5;          // further tries of one request
  double backoff = 1;                    // seconds before the first further try, doubled each time ...
  double backoff_limit = 60;             // ... up to this
  double longest_pause = 600;            // seconds; a server that asks for more (Retry-After) is given up
  std::string bearer = {};               // secret, from the environment; never in a message
  std::uint64_t seed = 0;                // of the jitter
};

// What became of one request after all its tries.
struct Outcome {
  bool ok = false;      // an HTTP answer of status 200 to 299
  int status = 0;       // of the last try; 0: none
  std::string body;     // with every echo of the key blotted out (secrets.h)
  std::string failure;  // "" or "http://host/path answered 500 (6 tries): words of the server"
};

// Counts of a client so far.
struct Traffic {
  std::int64_t requests = 0;  // tries
  std::int64_t retries = 0;   // of them, further ones
  std::int64_t failures = 0;  // requests that were given up
};

// Sends requests, several at a time, and tries again what may pass: no connection, no whole answer in time,
// 408, 425, 429 and 5xx, with exponential back-off and jitter. Retry-After of 429 and 503 pauses everything,
// since a rate limit is the account's. Other statuses are final at once. The key never comes back out: whatever
// servers send has it blotted out before anyone sees it. Not thread-safe.
class Client {
 public:
  explicit Client(ClientOptions options);

  using OnDone = std::function<void(std::size_t index, const Outcome& outcome)>;
  // One outcome per request, in order. `on_done` is called for each as it arrives, in any order. InputError
  // when the server never answered anything and a request cannot be connected after all tries, and when
  // Ctrl-C came ("stopped while waiting for ..."): what is in flight is given up then.
  std::vector<Outcome> post(const std::vector<Request>& requests, const OnDone& on_done = {});

  const Traffic& traffic() const { return traffic_; }

 private:
  // A request that has not been answered yet.
  struct Job {
    std::size_t index = 0;
    std::int64_t tries = 0;
    double due = 0;  // monotonic seconds
  };
  double start_due(const std::vector<Request>& requests, std::vector<Job>& waiting, std::vector<Job>& sent);
  bool take(Answer answer, const std::string& url, Job& job, Outcome& outcome);
  std::string failure(const Answer& answer, const std::string& url, std::int64_t tries) const;
  void tell_of_retry(const Answer& answer, const std::string& url, const Job& job);

  ClientOptions options_;
  Secrets secrets_;
  Transfers transfers_;
  Pace pace_;
  Rng rng_;
  Traffic traffic_;
  bool answered_ = false;    // the server is known to be there
  double last_word_ = -1e9;  // monotonic seconds of the last log line on a retry
};

}  // namespace una::net
