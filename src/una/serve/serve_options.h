#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/net/server.h"

namespace una::serve {

// The keys of the server, without those that say which model it holds.
struct ServeOptions {
  net::ServerOptions http;
  std::string api_key_env = {};  // the environment variable that holds the key callers must show
  std::vector<std::string> served_model_name = {};  // names of the base; empty: its folder's
  std::string adapter_root = {};                    // adapters may be loaded at run time from folders in it
  std::int64_t max_model_len = 0;                   // 0: the model's positions
  std::int64_t max_num_seqs = 64;                   // choices sampled at one time
  std::int64_t cache_tokens = 0;                    // 0: 16 times max_model_len, 65,536 at most
  std::int64_t prefill_tokens = 2048;
  bool enable_prefix_caching = true;
  std::int64_t max_waiting = 1024;                      // requests; beyond: 503
  std::int64_t max_waiting_tokens = 0;                  // 0: 4 times the cache
  std::int64_t max_prompts = 1024;                      // of one request
  double request_timeout = 600, shutdown_timeout = 30;  // seconds

  template <class V>
  void fields(V&& v) {
    http.fields(v);
    v("api_key_env", api_key_env,
      "environment variable with the key that callers must show as a Bearer token");
    v("served_model_name", served_model_name, "names of the base model; empty: its folder's");
    v("adapter_root", adapter_root, "folder in which adapters may be loaded at run time; empty: none may");
    v("max_model_len", max_model_len, "longest prompt and answer in tokens; 0: the model's positions");
    v("max_num_seqs", max_num_seqs, "answers computed at one time");
    v("cache_tokens", cache_tokens,
      "slots of the key-value cache; 0: 16 times max_model_len, 65,536 at most");
    v("prefill_tokens", prefill_tokens, "prompt tokens that join one step");
    v("enable_prefix_caching", enable_prefix_caching,
      "prompts that begin like earlier ones reuse their keys");
    v("max_waiting", max_waiting, "requests in the house; beyond it the answer is 503");
    v("max_waiting_tokens", max_waiting_tokens, "of prompts and answers that wait; 0: 4 times the cache");
    v("max_prompts", max_prompts, "prompts of one request");
    v("request_timeout", request_timeout, "seconds until an answer must be complete");
    v("shutdown_timeout", shutdown_timeout, "seconds that running answers have after SIGTERM");
  }
};
// InputError for numbers out of their range, and for an address beyond this machine without a key.
void check_serve_options(const ServeOptions& options);

}  // namespace una::serve
