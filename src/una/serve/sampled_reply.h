#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "una/generate/text_stream.h"
#include "una/openai/wire.h"
#include "una/serve/job.h"
#include "una/serve/service.h"

namespace una::serve {

// What completions and chat answers have in common: choices grow and end, tokens are counted, a stream begins with
// its first event, errors become a status or, in a stream, an event. Called on the replies' thread only.
class SampledReply : public Reply {
 public:
  // One of the reply's answers, from its request to its end.
  struct Choice {
    std::vector<std::int32_t> prompt;
    std::vector<std::string> stops;
    // While it grows.
    std::vector<std::int32_t> ids = {};
    std::size_t told = 0;  // ids that are in events already
    std::optional<generate::TextStream> stream = {};
    // When it has ended.
    std::optional<generate::Output> output = {};
    std::string finish_reason = {};
    Json stop_reason = nullptr;
  };
  // A part of a choice that an event tells: text that can be shown, and the tokens that are new.
  struct Part {
    std::size_t choice = 0;
    std::string text = {};
    generate::Output fresh = {};  // ids, logps and top of the new tokens
    bool first = false, last = false;
  };

  SampledReply(Service& service, net::Ticket ticket, bool streams, std::vector<Choice> choices);
  void grew(std::size_t choice, const generate::Output& fresh) final;
  void finished(std::size_t choice, generate::Output output) final;
  void failed(int status, const std::string& reason) final;

 protected:
  virtual Json whole() = 0;  // the answer, when all choices have ended
  virtual std::vector<Json> events(const Part& part) = 0;
  virtual bool wants_logps() const = 0;
  virtual std::optional<Json> usage_part() = 0;  // the last event before [DONE]; nullopt: none is wanted

  const std::vector<Choice>& choices() const { return choices_; }
  Service& service() { return service_; }
  openai::Usage usage() const;

 private:
  void begin();
  void send(const Part& part);
  void end(Choice& choice, generate::Output output);

  Service& service_;
  net::Ticket ticket_;
  bool streams_, begun_ = false, over_ = false;
  std::vector<Choice> choices_;
  std::size_t left_;
};

}  // namespace una::serve
