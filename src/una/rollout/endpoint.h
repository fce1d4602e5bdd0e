#pragma once

#include <functional>
#include <memory>
#include <string>

#include "una/net/client.h"
#include "una/rollout/answer_source.h"

namespace una::rollout {

// Where answers come from, and what they are checked against.
struct EndpointOptions {
  std::string url;    // of an OpenAI-compatible API, as http://host:8000/v1; /completions is added
  std::string model;  // its name there
  net::ClientOptions client = {.timeout = 600, .concurrency = 32};
  const text::Tokenizer* tokenizer = nullptr;
  std::int64_t vocabulary = 0;  // ids the policy knows
  std::int32_t eos_id = -1;
  // Before answers are asked for: the server gets the policy's present weights, whose name is returned,
  // another one for other weights. May be empty: then it answers as it is, and the sampler-trainer gap in the
  // log shows how stale it is.
  std::function<std::string()> synchronise;
};

// Answers by a server (completion.h), one request a sample, its seed keyed by round, prompt and sample. A
// request without a usable answer after all tries is a missing answer, counted; the first one's reason is a
// warning, and so is the first answer that the server cuts short. InputError where no server
// listens, on 401, 403, 404 and 405, and when not one answer of a call came.
std::unique_ptr<AnswerSource> make_endpoint_source(EndpointOptions options);

}  // namespace una::rollout
