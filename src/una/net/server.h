#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace una::net {

// Limits of a server. Every one is a key of the command that opens it.
struct ServerOptions {
  std::string host = "127.0.0.1";
  std::int64_t port = 8000;                      // 0: any that is free
  std::vector<std::string> allowed_host = {};    // names besides the loopback's that a Host header may have
  std::vector<std::string> allowed_origin = {};  // sites whose pages may send requests, "https://host:port"
  bool any_host = false;                         // every Host is good: callers show a key
  std::int64_t max_connections = 1024, max_connections_per_peer = 0;
  std::int64_t max_head_bytes = 65536, max_headers = 100;
  std::int64_t max_body_bytes = 67108864;  // 64 MiB
  std::int64_t max_stream_bytes = 262144;  // waiting for one client; beyond it the client is cut
  double head_timeout = 10;                // seconds from a head's first byte to its last
  double body_timeout = 30;                // and a second more for each 64 KB that came
  double idle_timeout = 75;                // of an open connection between requests
  double write_timeout = 15;               // in which a client must take some byte

  template <class V>
  void fields(V&& v) {
    v("host", host, "address to listen at; one beyond this machine needs api_key_env");
    v("port", port, "0: any that is free");
    v("allowed_host", allowed_host, "further names that a request's Host header may have");
    v("allowed_origin", allowed_origin, "sites whose pages may send requests: https://host:port");
    v("max_connections", max_connections, "connections open at one time");
    v("max_connections_per_peer", max_connections_per_peer,
      "the same of one address; 0: 256, and no limit of its own for this machine");
    v("max_head_bytes", max_head_bytes, "of a request's first line and headers");
    v("max_headers", max_headers, "headers of a request");
    v("max_body_bytes", max_body_bytes, "of a request's body");
    v("max_stream_bytes", max_stream_bytes, "waiting for one client; one that lets more wait is cut");
    v("head_timeout", head_timeout, "seconds for a request's head, from its first byte");
    v("body_timeout", body_timeout, "seconds for a body, and one more for each 64 KB that came");
    v("idle_timeout", idle_timeout, "seconds that a connection may be idle between requests");
    v("write_timeout", write_timeout, "seconds in which a client must take some byte of its answer");
  }
};
// InputError for a number out of its range.
void check_server_options(const ServerOptions& options);

using Ticket = std::uint64_t;

// A whole request. `refusal`: not 0 where it broke a rule of the protocol or a limit; it is to be answered with
// that status because of `reason`, and has no body.
struct Arrived {
  Ticket ticket = 0;
  std::string method, target;                                // target: path and query as they came
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body, peer;
  int refusal = 0;
  std::string reason;

  std::string_view header(std::string_view name) const;  // the first one; "" where it is absent
};

// One answer.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // further ones
};

// An HTTP/1.1 server of bytes on one thread of its own (hyper, in the bridge). It never knows what is in a body.
// Each request is answered by its ticket, from any thread, at once or later; none of the calls waits. Calls with
// a ticket whose client has gone do nothing.
class Server {
 public:
  // Both are called on the server's thread and must not wait. on_gone: the client went before its answer was
  // complete.
  struct Handler {
    std::function<void(Server&, Arrived)> on_request;
    std::function<void(Ticket)> on_gone;
  };
  // InputError where the address cannot be listened at.
  Server(const ServerOptions& options, Handler handler);
  ~Server();  // ends all connections; no call of the handler runs after it
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  int port() const;
  std::int64_t connections() const;
  void respond(Ticket ticket, const Response& answer);
  // A body in parts: a server-sent event stream, or any other type.
  void stream_begin(Ticket ticket, const std::string& content_type);
  void stream_push(Ticket ticket, std::string_view bytes);
  void stream_end(Ticket ticket);
  void drain();  // from now on a connection ends with its answer, and idle ones end at once

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace una::net
