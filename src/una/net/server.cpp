#include "una/net/server.h"

#include <exception>

#include "una/base/bridge_call.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/option_checks.h"

namespace una::net {
namespace {

std::string copy(una_str view) { return {view.data, view.size}; }

std::vector<std::pair<std::string, std::string>> headers_of(una_str lines) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& line : split(std::string_view(lines.data, lines.size), '\n')) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) { out.emplace_back(line.substr(0, colon), line.substr(colon + 2)); }
  }
  return out;
}

Arrived arrived(const una_http_request& request) {
  return {.ticket = request.ticket,
          .method = copy(request.method),
          .target = copy(request.target),
          .headers = headers_of(request.headers),
          .body = copy(request.body),
          .peer = copy(request.peer),
          .refusal = request.refusal,
          .reason = copy(request.reason)};
}

std::vector<una_str> borrow_all(const std::vector<std::string>& texts) {
  std::vector<una_str> out;
  for (const std::string& text : texts) { out.push_back(bridge::borrow(text)); }
  return out;
}

std::string header_lines(const std::string& content_type,
                         const std::vector<std::pair<std::string, std::string>>& others) {
  std::string lines = content_type.empty() ? "" : cat("content-type: ", content_type, "\n");
  for (const auto& [name, value] : others) { lines += cat(name, ": ", value, "\n"); }
  return lines;
}

}  // namespace

void check_server_options(const ServerOptions& options) {
  constexpr std::int64_t kMany = 1LL << 40;
  check_count("port", options.port, 0, 65535);
  check_count("max_connections", options.max_connections, 1, 1'000'000);
  check_count("max_connections_per_peer", options.max_connections_per_peer, 0, 1'000'000);
  check_count("max_head_bytes", options.max_head_bytes, 1024, 1 << 24);
  check_count("max_headers", options.max_headers, 1, 10'000);
  check_count("max_body_bytes", options.max_body_bytes, 1, kMany);
  check_count("max_stream_bytes", options.max_stream_bytes, 1024, kMany);
  for (const auto& [name, seconds] :
       std::vector<std::pair<const char*, double>>{{"head_timeout", options.head_timeout},
                                                   {"body_timeout", options.body_timeout},
                                                   {"idle_timeout", options.idle_timeout},
                                                   {"write_timeout", options.write_timeout}}) {
    check_input(seconds > 0 && seconds < 1e6, name, " must be a number of seconds above 0, not ", seconds);
  }
}

std::string_view Arrived::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) { return value; }
  }
  return "";
}

struct Server::Impl {
  Server* owner = nullptr;
  Handler handler;
  una_http* http = nullptr;

  // Exceptions must not pass through the bridge; the handler's own are faults of ours.
  static void on_request(void* context, const una_http_request* request) {
    auto* impl = static_cast<Impl*>(context);
    try {
      impl->handler.on_request(*impl->owner, arrived(*request));
    } catch (const std::exception& error) { log_warning(cat("http: ", error.what())); }
  }
  static void on_gone(void* context, std::uint64_t ticket) {
    auto* impl = static_cast<Impl*>(context);
    try {
      if (impl->handler.on_gone) { impl->handler.on_gone(ticket); }
    } catch (const std::exception& error) { log_warning(cat("http: ", error.what())); }
  }
};

Server::Server(const ServerOptions& options, Handler handler) : impl_(std::make_unique<Impl>()) {
  check_server_options(options);
  impl_->owner = this;
  impl_->handler = std::move(handler);
  const std::vector<una_str> hosts = borrow_all(options.allowed_host),
                             origins = borrow_all(options.allowed_origin);
  const auto size = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  una_http_config config{};
  config.host = bridge::borrow(options.host);
  config.port = static_cast<std::uint16_t>(options.port);
  config.any_host = options.any_host ? 1 : 0;
  config.allowed_hosts = hosts.data();
  config.allowed_hosts_size = hosts.size();
  config.allowed_origins = origins.data();
  config.allowed_origins_size = origins.size();
  config.max_connections = size(options.max_connections);
  constexpr std::int64_t kPerPeer = 256;
  const std::int64_t given = options.max_connections_per_peer;
  config.max_connections_per_peer = size(given > 0 ? given : kPerPeer);
  config.max_connections_of_loopback = size(given > 0 ? given : options.max_connections);
  config.max_head_bytes = size(options.max_head_bytes);
  config.max_headers = size(options.max_headers);
  config.max_body_bytes = static_cast<std::uint64_t>(options.max_body_bytes);
  config.max_queue_bytes = size(options.max_stream_bytes);
  config.head_seconds = options.head_timeout;
  config.body_seconds = options.body_timeout;
  config.idle_seconds = options.idle_timeout;
  config.write_seconds = options.write_timeout;
  config.context = impl_.get();
  config.on_request = Impl::on_request;
  config.on_gone = Impl::on_gone;
  una_text error{};
  bridge::check_status(una_http_open(&config, &impl_->http, &error), error, "the server");
}

Server::~Server() { una_http_close(impl_->http); }

int Server::port() const { return una_http_port(impl_->http); }

std::int64_t Server::connections() const {
  return static_cast<std::int64_t>(una_http_connections(impl_->http));
}

void Server::respond(Ticket ticket, const Response& answer) {
  const std::string lines = header_lines(answer.content_type, answer.headers);
  una_text error{};
  bridge::check_status(una_http_respond(impl_->http, ticket, static_cast<std::uint16_t>(answer.status),
                                        bridge::borrow(lines), bridge::borrow(answer.body), &error),
                       error, "an answer");
}

void Server::stream_begin(Ticket ticket, const std::string& content_type) {
  const std::string lines = header_lines(content_type, {{"cache-control", "no-cache"}});
  una_text error{};
  bridge::check_status(una_http_stream_begin(impl_->http, ticket, 200, bridge::borrow(lines), &error), error,
                       "a stream");
}

void Server::stream_push(Ticket ticket, std::string_view bytes) {
  una_http_stream_push(impl_->http, ticket, bridge::borrow(bytes));
}

void Server::stream_end(Ticket ticket) { una_http_stream_end(impl_->http, ticket); }

void Server::drain() { una_http_drain(impl_->http); }

}  // namespace una::net
