#include "una/base/format.h"
#include "una/base/log.h"
#include "una/kernels/threads.h"
#include "una/net/http.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/recipe/serve/loaded_model.h"
#include "una/serve/app.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage = "usage: una serve --model DIR [--adapter [NAME=]DIR ...] [--port 8000]";

// The keys of `una serve`.
struct ServeKeys {
  ModelKeys model;
  serve::ServeOptions serve;
  std::int64_t threads = 0;
  template <class V>
  void fields(V&& v) {
    model.fields(v);
    serve.fields(v);
    v("threads", threads, "compute threads; 0: all");
  }
};

std::string key_of(const serve::ServeOptions& options) {
  if (options.api_key_env.empty()) { return ""; }
  return net::api_key({.variable = options.api_key_env,
                       .option = "api_key_env",
                       .is_default = false,
                       .url = "https://" + options.http.host,  // it must be set
                       .what = "serve"});
}

}  // namespace

HelpPage serve_help(const Arguments&) { return options_page<ServeKeys>(kUsage); }

int run_serve(const Arguments& arguments) {
  const auto keys = read_command<ServeKeys>(arguments);
  serve::check_serve_options(keys.serve);
  const std::string key = key_of(keys.serve);
  kernels::set_threads(keys.threads);
  const LoadedModel model = load_model(keys.model);
  serve::App app(keys.serve, model.served(), key);
  log_info(cat("serving     http://", keys.serve.http.host, ":", app.port(), "/v1"));
  return serve::serve_until_signal(app, keys.serve.shutdown_timeout);
}

}  // namespace una::recipe
