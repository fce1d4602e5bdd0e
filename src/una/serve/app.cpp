#include "una/serve/app.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <utility>

#include "una/base/clock.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/serve/engine_thread.h"
#include "una/serve/routes.h"
#include "una/serve/work_threads.h"

namespace una::serve {
namespace {

constexpr std::size_t kDeskThreads = 2;

// Takes as long for a wrong key as for the right one.
bool same_key(std::string_view shown, std::string_view key) {
  unsigned char differ = shown.size() == key.size() ? 0 : 1;
  for (std::size_t i = 0; i < key.size(); ++i) {
    differ = static_cast<unsigned char>(differ | (key[i] ^ (i < shown.size() ? shown[i] : '\0')));
  }
  return differ == 0;
}

std::int64_t cache_slots(const ServeOptions& options, std::int64_t max_model_len) {
  if (options.cache_tokens > 0) { return options.cache_tokens; }
  return std::max(max_model_len, std::min<std::int64_t>(65536, 16 * max_model_len));
}

generate::Engine::Options engine_options(const ServeOptions& options, std::int64_t max_model_len) {
  const std::int64_t slots = cache_slots(options, max_model_len);
  return {.max_batch = options.max_num_seqs,
          .cache_tokens = slots,
          .prefill_tokens = options.prefill_tokens,
          .prefix_cache = options.enable_prefix_caching,
          .max_waiting_tokens = options.max_waiting_tokens > 0 ? options.max_waiting_tokens : 4 * slots};
}

}  // namespace

struct App::Impl {
  Impl(const ServeOptions& options, const ServedModel& model, std::string the_key)
      : service(options, model), key(std::move(the_key)) {}

  void arrived(net::Server& server, net::Arrived request);
  std::optional<net::Response> at_once(const net::Arrived& request);
  void gone(net::Ticket ticket);

  Service service;
  std::string key;
  std::shared_mutex gate;  // calls of the I/O thread are inside; the destructor closes it
  bool closed = false;
  std::atomic<bool> draining = false;
  std::atomic<std::int64_t> at_desk = 0;
  // In the order of construction; each outlives those below it.
  std::unique_ptr<net::Server> server;
  std::unique_ptr<WorkThreads> replies;
  std::unique_ptr<EngineThread> engine;
  std::unique_ptr<WorkThreads> desk;
};

// What needs no desk: it is answered on the I/O thread, from counters.
std::optional<net::Response> App::Impl::at_once(const net::Arrived& request) {
  if (request.refusal != 0) { return error_answer(request.refusal, request.reason); }
  const std::string path = target_of(request.target).path;
  const bool reads = request.method == "GET" || request.method == "HEAD";
  if (reads && (path == "/health" || path == "/ping")) {
    if (draining) { return error_answer(503, "the server is shutting down"); }
    return net::Response{.status = 200, .content_type = ""};
  }
  if (reads && path == "/version") { return json_answer({{"version", UNA_VERSION}}); }
  const std::string_view shown = request.header("authorization");
  if (!key.empty() && !(starts_with(shown, "Bearer ") && same_key(shown.substr(7), key))) {
    return error_answer(401, "a key is needed: Authorization: Bearer KEY");
  }
  if (reads && path == "/metrics") {
    return net::Response{.content_type = "text/plain; version=0.0.4; charset=utf-8",
                         .body = service.metrics.text()};
  }
  if (draining) { return error_answer(503, "the server is shutting down"); }
  const auto inside = at_desk + static_cast<std::int64_t>(engine->jobs());
  if (inside >= service.options.max_waiting) {
    return error_answer(503,
                        cat("max_waiting (", service.options.max_waiting, ") requests are here already"));
  }
  return std::nullopt;
}

void App::Impl::arrived(net::Server& http, net::Arrived request) {
  const std::shared_lock inside(gate);
  if (closed) { return; }
  if (service.server == nullptr) { service.server = &http; }
  if (const auto answer = at_once(request)) {
    http.respond(request.ticket, *answer);
    return;
  }
  ++at_desk;
  auto shared = std::make_shared<net::Arrived>(std::move(request));
  desk->post([this, shared] {
    route(service, *shared);
    --at_desk;
  });
}

void App::Impl::gone(net::Ticket ticket) {
  const std::shared_lock inside(gate);
  if (!closed) { engine->cancel(ticket); }
}

App::App(const ServeOptions& options, const ServedModel& model, const std::string& key, ExtraRoutes extra)
    : impl_(std::make_unique<Impl>(options, model, key)) {
  Impl& impl = *impl_;
  impl.service.extra = std::move(extra);
  impl.replies = std::make_unique<WorkThreads>(1);
  impl.engine = std::make_unique<EngineThread>(
      EngineThread::Parts{.model = model.model,
                          .tokenizer = &impl.service.tokenizer(),
                          .options = engine_options(options, impl.service.max_model_len),
                          .request_timeout = options.request_timeout,
                          .replies = impl.replies.get(),
                          .metrics = &impl.service.metrics});
  impl.service.engine = impl.engine.get();
  impl.desk = std::make_unique<WorkThreads>(kDeskThreads);
  net::ServerOptions http = options.http;
  http.any_host = !key.empty();
  impl.server = std::make_unique<net::Server>(
      http, net::Server::Handler{
                .on_request = [this](net::Server& server,
                                     net::Arrived request) { impl_->arrived(server, std::move(request)); },
                .on_gone = [this](net::Ticket ticket) { impl_->gone(ticket); }});
}

// The desk first, then the engine, whose jobs fail and reach the replies; the server goes last, when all is said.
App::~App() {
  {
    const std::unique_lock shut(impl_->gate);
    impl_->closed = true;
  }
  impl_->desk.reset();
  impl_->engine.reset();
  impl_->replies.reset();
  impl_->server.reset();
}

Named App::named(const std::string& name) const { return impl_->service.named(name); }

int App::port() const { return impl_->server->port(); }

std::size_t App::jobs() const {
  return impl_->engine->jobs() + static_cast<std::size_t>(impl_->at_desk.load());
}

void App::drain() {
  impl_->draining = true;
  impl_->server->drain();
}

void App::fail_rest() {
  while (jobs() > 0) {
    impl_->engine->fail_all("the server is shutting down");
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  impl_->replies->wait_until_idle();
}

int serve_until_signal(App& app, double shutdown_timeout) {
  const auto pause = [] { std::this_thread::sleep_for(std::chrono::milliseconds(100)); };
  while (!interrupted()) { pause(); }
  log_info(
      cat("stopping    ", app.jobs(), " requests have ", shutdown_timeout, " s to finish; again: at once"));
  app.drain();
  const double end = monotonic_seconds() + shutdown_timeout;
  while (app.jobs() > 0 && monotonic_seconds() < end) { pause(); }
  app.fail_rest();
  return 0;
}

}  // namespace una::serve
