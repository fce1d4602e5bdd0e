#pragma once

#include <optional>
#include <string>

#include "una/net/server.h"
#include "una/serve/service.h"

namespace una::serve {

// One function a route. It is given the whole request and returns the answer, or nullopt where a job will give it.
// BadRequest becomes 400 with `param`, HttpError its status, another InputError 400, anything else 500.
Routed complete(Service& service, const net::Arrived& arrived);        // POST /v1/completions
Routed chat(Service& service, const net::Arrived& arrived);            // POST /v1/chat/completions
Routed tokenize(Service& service, const net::Arrived& arrived);        // POST /tokenize
Routed detokenize(Service& service, const net::Arrived& arrived);      // POST /detokenize
Routed load_adapter(Service& service, const net::Arrived& arrived);    // POST /v1/load_lora_adapter
Routed unload_adapter(Service& service, const net::Arrived& arrived);  // POST /v1/unload_lora_adapter
Routed score(Service& service, const net::Arrived& arrived);           // POST /v1/score
Routed rerank(Service& service, const net::Arrived& arrived);          // POST /v1/rerank
Routed classify(Service& service, const net::Arrived& arrived);        // POST /classify
Routed pooling(Service& service, const net::Arrived& arrived);         // POST /pooling
Routed get_reward(Service& service, const net::Arrived& arrived);      // POST /get_reward

// The route of a target, its path without "/v1", "/v2" and a last slash ("/chat/completions"), and what is behind
// the "?".
struct Target {
  std::string path, query;
};
Target target_of(const std::string& target);

// Answers a request, now or by a job; never throws.
void route(Service& service, const net::Arrived& request);

}  // namespace una::serve
