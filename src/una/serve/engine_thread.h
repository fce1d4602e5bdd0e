#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "una/generate/engine.h"
#include "una/serve/job.h"
#include "una/serve/metrics.h"
#include "una/serve/work_threads.h"

namespace una::serve {

// The one thread that touches tensors: it owns the engine, takes jobs, cancellations and other work between two
// steps, and hands what comes out to the replies' thread. All calls are thread-safe and return at once.
class EngineThread {
 public:
  // What the thread works with; everything must outlive it.
  struct Parts {
    model::Model* model = nullptr;
    const text::Tokenizer* tokenizer = nullptr;
    generate::Engine::Options options;
    double request_timeout = 600;  // seconds after which a job fails
    WorkThreads* replies = nullptr;
    Metrics* metrics = nullptr;
  };
  explicit EngineThread(Parts parts);
  ~EngineThread();  // what has not finished fails with 503
  EngineThread(const EngineThread&) = delete;
  EngineThread& operator=(const EngineThread&) = delete;

  void submit(std::shared_ptr<Job> job);
  void cancel(net::Ticket ticket);  // its client went: nothing more comes of it
  // Runs between two steps. It must not throw.
  void run(std::function<void(generate::Engine&)> work);
  std::size_t jobs() const;                  // submitted and not over
  void fail_all(const std::string& reason);  // with 503

 private:
  struct Live;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace una::serve
