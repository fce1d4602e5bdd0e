#include "una/serve/serve_options.h"

#include "una/base/error.h"
#include "una/base/option_checks.h"
#include "una/net/http.h"

namespace una::serve {

void check_serve_options(const ServeOptions& options) {
  net::check_server_options(options.http);
  check_count("max_model_len", options.max_model_len, 0);
  check_count("max_num_seqs", options.max_num_seqs, 1, 65536);
  check_count("cache_tokens", options.cache_tokens, 0);
  check_count("prefill_tokens", options.prefill_tokens, 1);
  check_count("max_waiting", options.max_waiting, 1);
  check_count("max_waiting_tokens", options.max_waiting_tokens, 0);
  check_count("max_prompts", options.max_prompts, 1, 1'000'000);
  check_input(options.request_timeout > 0, "request_timeout must be above 0, not ", options.request_timeout);
  check_not_negative("shutdown_timeout", options.shutdown_timeout);
  check_input(!options.api_key_env.empty() || net::is_loopback(cat("http://", options.http.host)),
              "host: ", options.http.host,
              " can be reached from other machines; name a key with api_key_env, or listen at ", "127.0.0.1");
}

}  // namespace una::serve
