#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "una/generate/engine.h"
#include "una/net/server.h"

namespace una::serve {

// Who turns what the engine gives into an answer. Calls come on the replies' thread, one at a time; after
// `failed`, or when every choice has finished, none comes any more.
class Reply {
 public:
  virtual ~Reply() = default;
  // What is new of a streaming job since the last call, in ids, logps and top.
  virtual void grew(std::size_t choice, const generate::Output& fresh) = 0;
  virtual void finished(std::size_t choice, generate::Output output) = 0;  // the whole of it
  virtual void failed(int status, const std::string& reason) = 0;
};

// The work of one HTTP request: a generate::Request for each choice.
struct Job {
  net::Ticket ticket = 0;
  std::vector<generate::Request> requests;  // Request::id is the caller's; the job's choices are their places
  bool streams = false;
  std::shared_ptr<Reply> reply;
  std::string model;   // the name, for metrics
  double arrived = 0;  // monotonic seconds
};

}  // namespace una::serve
