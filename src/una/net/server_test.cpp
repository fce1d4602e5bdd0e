#include "una/net/server.h"

#include <atomic>
#include <chrono>
#include <map>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/net/raw_client_testing.h"

namespace una::net {
namespace {

// A server that says what it got. "/stream": pieces until the client goes; "/silent": nothing.
class Echo {
 public:
  explicit Echo(ServerOptions options = {}) {
    options.port = 0;
    server_ = std::make_unique<Server>(
        options,
        Server::Handler{.on_request = [this](Server& server, Arrived request) { answer(server, request); },
                        .on_gone = [this](Ticket) { ++gone; }});
  }
  ~Echo() {
    stop_ = true;
    for (std::thread& thread : streams_) { thread.join(); }
  }
  int port() const { return server_->port(); }
  Server& server() { return *server_; }

  std::atomic<int> gone = 0, served = 0;

 private:
  void answer(Server& server, const Arrived& request) {
    if (request.refusal != 0) {
      server.respond(request.ticket, {.status = request.refusal, .body = request.reason});
      return;
    }
    ++served;
    if (request.target == "/silent") { return; }
    if (request.target == "/stream") {
      streams_.emplace_back([this, &server, ticket = request.ticket, before = gone.load()] {
        server.stream_begin(ticket, "text/event-stream");
        const std::string piece(8192, 'x');
        while (!stop_ && gone == before) {
          server.stream_push(ticket, piece);
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        server.stream_end(ticket);
      });
      return;
    }
    server.respond(request.ticket,
                   {.body = cat(request.method, " ", request.target, " ", request.body.size(), " bytes"),
                    .headers = {{"x-agent", std::string(request.header("user-agent"))}}});
  }

  std::atomic<bool> stop_ = false;
  std::vector<std::thread> streams_;  // made on the server's thread
  std::unique_ptr<Server> server_;
};

// Statuses of all answers, " x" behind them where the server closed.
std::string verdict(int port, const std::string& bytes, double seconds) {
  RawClient client(port);
  client.send(bytes);
  const std::string answer = client.receive(seconds);
  std::string out;
  for (std::size_t at = answer.find("HTTP/1."); at != std::string::npos;
       at = answer.find("HTTP/1.", at + 1)) {
    out += (out.empty() ? "" : " ") + answer.substr(at + 9, 3);
  }
  return out + (client.closed() ? " x" : "");
}

const std::string kGet = "GET /health HTTP/1.1\r\nHost: localhost\r\n", kSecond = kGet + "\r\n";
const std::string kPost = "POST /echo HTTP/1.1\r\nHost: localhost\r\n";
const std::string kChunked = kPost + "Transfer-Encoding: chunked\r\n\r\n";

std::string many_headers(int count) {
  std::string out;
  for (int i = 0; i < count; ++i) { out += cat("A", i, ": b\r\n"); }
  return out;
}

std::string chunks(int count, std::size_t size) {
  std::string out;
  for (int i = 0; i < count; ++i) { out += "10000\r\n" + std::string(size, 'a') + "\r\n"; }
  return out;
}

// What is sent and what must come back. Behind most is a second request that must not be answered, since the first
// one's end is in doubt.
struct Case {
  const char* name;
  std::string bytes, wanted;
};
std::vector<Case> framing() {
  const std::string length = kPost + "Content-Length: ", encoding = kPost + "Transfer-Encoding: ";
  const std::string nothing = "\r\n\r\n0\r\n\r\n" + kSecond, four = "\r\n\r\nabcd" + kSecond;
  return {
      {"CL + TE", length + "4\r\nTransfer-Encoding: chunked" + nothing, "400 x"},
      {"TE + CL", encoding + "chunked\r\nContent-Length: 44" + nothing, "400 x"},
      {"two CL that differ", length + "4\r\nContent-Length: 0" + four, "400 x"},
      {"CL list", length + "4, 4" + four, "400 x"},
      {"CL +4", length + "+4" + four, "400 x"},
      {"CL -1", length + "-1\r\n\r\n" + kSecond, "400 x"},
      {"CL 0x4", length + "0x4" + four, "400 x"},
      {"CL 4abc", length + "4abc" + four, "400 x"},
      {"CL overflow", length + "18446744073709551617\r\n\r\na" + kSecond, "400 x"},
      {"TE xchunked", encoding + "xchunked" + nothing, "400 x"},
      {"TE gzip, chunked", encoding + "gzip, chunked" + nothing, "400 x"},
      {"TE chunked, identity", encoding + "chunked, identity" + nothing, "400 x"},
      {"TE twice", encoding + "chunked\r\nTransfer-Encoding: chunked" + nothing, "400 x"},
      {"TE space colon", kPost + "Transfer-Encoding : chunked\r\nContent-Length: 4" + four, "400 x"},
      {"TE folded", kPost + "Transfer-Encoding:\r\n chunked" + nothing, "400 x"},
      {"TE vertical tab",
       encoding +
           "\x0b"
           "chunked" +
           nothing,
       "400 x"},
      {"TE on HTTP/1.0", "POST /echo HTTP/1.0\r\nHost: localhost\r\nTransfer-Encoding: chunked" + nothing,
       "400 x"},
      {"chunk size 0x1", kChunked + "0x1\r\na\r\n0\r\n\r\n" + kSecond, "400 x"},
      {"chunk size overflow", kChunked + "10000000000000001\r\na\r\n0\r\n\r\n" + kSecond, "400 x"},
      {"chunk LF only", kChunked + "1\na\n0\n\n" + kSecond, "400 x"},
      {"chunk without CRLF", kChunked + "1\r\naXX0\r\n\r\n" + kSecond, "400 x"},
      {"chunk extension of 100 KB",
       kChunked + "1;" + std::string(100000, 'a') + "\r\na\r\n0\r\n\r\n" + kSecond, "400 x"},
      {"trailer of 100 KB", kChunked + "0\r\na: " + std::string(100000, 'b') + "\r\n\r\n" + kSecond, "400 x"},
  };
}
std::vector<Case> heads() {
  return {
      {"bare LF head", "GET /health HTTP/1.1\nHost: localhost\n\n", "200"},
      {"bare CR in a value", kGet + "A: b\rc\r\n\r\n", "400 x"},
      {"NUL in a value", kGet + std::string("A: b\0c\r\n\r\n", 10), "400 x"},
      {"no Host", "GET /health HTTP/1.1\r\n\r\n", "400 x"},
      {"two Hosts", kGet + "Host: localhost\r\n\r\n", "400 x"},
      {"a foreign Host", "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", "421 x"},
      {"a foreign Origin", kGet + "Origin: https://evil.example\r\n\r\n", "403 x"},
      {"its own Origin", kGet + "Origin: http://localhost\r\n\r\n", "200"},
      {"HTTP/9.9", "GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", "400 x"},
      {"noise", std::string(300, '\xf3'), "400 x"},
      {"TLS hello", std::string("\x16\x03\x01\0\xa5\x01\0\0\xa1", 9) + std::string(200, '\0'), "400 x"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", " x"},
      {"an escaped line break", kGet + "A: b%0d%0aInjected: 1\r\n\r\n", "200"},
      {"URI of 1 MB", "GET /" + std::string(1000000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", "431 x"},
      {"header of 1 MB", kGet + "A: " + std::string(1000000, 'a') + "\r\n\r\n", "431 x"},
      {"20,000 headers", kGet + many_headers(20000) + "\r\n", "431 x"},
      {"101 headers", kGet + many_headers(100) + "\r\n", "431 x"},
      {"body over the limit", kPost + "Content-Length: 2097152\r\n\r\n" + std::string(2097152, 'a'), "413 x"},
      {"chunks over the limit", kChunked + chunks(32, 65536) + "0\r\n\r\n", "413 x"},
      {"a length of 10^15 without a body", kPost + "Content-Length: 1000000000000000\r\n\r\n", "413 x"},
      {"Expect", kPost + "Expect: 100-continue\r\nContent-Length: 4\r\n\r\nabcd", "100 200"},
      {"three at once", kSecond + kSecond + kSecond, "200 200 200"},
      {"chunks of one byte", kChunked + "1\r\na\r\n1\r\nb\r\n0\r\n\r\n" + kSecond, "200 200"},
      {"a body, and the next request", kPost + "Content-Length: 4\r\n\r\nabcd" + kSecond, "200 200"},
  };
}

void expect_verdicts(const std::vector<Case>& cases) {
  ServerOptions options;
  options.max_body_bytes = 1 << 20;
  const Echo echo(options);
  for (const Case& each : cases) {
    const bool closes = ends_with(each.wanted, "x");
    EXPECT_EQ(verdict(echo.port(), each.bytes, closes ? 10 : 0.3), each.wanted) << each.name;
    EXPECT_EQ(verdict(echo.port(), kGet + "Connection: close\r\n\r\n", 10), "200 x")
        << "behind: " << each.name;
  }
}

TEST(Server, FramingThatTwoReadersCouldUnderstandDifferentlyIsRefused) { expect_verdicts(framing()); }

TEST(Server, HeadsAndBodiesHaveTheirVerdicts) { expect_verdicts(heads()); }

TEST(Server, ARequestArrivesWholeAndItsAnswerLeavesWhole) {
  Echo echo;
  RawClient client(echo.port());
  const std::string body(3 << 20, 'z');
  client.send(cat("POST /a/b?c=d HTTP/1.1\r\nHost: localhost\r\nUser-Agent: me\r\nContent-Length: ",
                  body.size(), "\r\n\r\n", body));
  const std::string answer = client.receive(10, "bytes");
  EXPECT_NE(answer.find("\r\n\r\nPOST /a/b?c=d 3145728 bytes"), std::string::npos) << answer;
  EXPECT_NE(answer.find("x-agent: me\r\n"), std::string::npos);
  EXPECT_NE(answer.find("content-type: application/json\r\n"), std::string::npos);
  client.send(kSecond);
  EXPECT_NE(client.receive(10, "bytes").find("GET /health 0 bytes"), std::string::npos)
      << "the connection is kept";
}

// Seconds until the server ends a connection on which `first` was sent and `drip` follows ten times a second.
double seconds_kept(int port, const std::string& first, const std::string& drip,
                    std::string* answer = nullptr) {
  RawClient client(port);
  client.send(first);
  const double begin = monotonic_seconds();
  std::string got;
  while (!client.closed() && monotonic_seconds() - begin < 20) {
    got += client.receive(0.1);
    if (!drip.empty() && !client.closed()) { client.send(drip); }
  }
  if (answer != nullptr) { *answer = got; }
  return monotonic_seconds() - begin;
}

TEST(Server, SlowCallersAreCutByTheirClocks) {
  ServerOptions options;
  options.head_timeout = 1;
  options.body_timeout = 1;
  options.idle_timeout = 3;
  const Echo echo(options);
  const double head = seconds_kept(echo.port(), kGet + "X: ", "x");
  EXPECT_GT(head, 0.9);
  EXPECT_LT(head, 2.5);
  std::string answer;
  const double body = seconds_kept(echo.port(), kPost + "Content-Length: 1000\r\n\r\n", "a", &answer);
  EXPECT_GT(body, 0.9);
  EXPECT_LT(body, 2.5);
  EXPECT_NE(answer.find("HTTP/1.1 408"), std::string::npos);
  const double idle = seconds_kept(echo.port(), "", "");
  EXPECT_GT(idle, 2.5);
  EXPECT_LT(idle, 5);
  const double after = seconds_kept(echo.port(), kSecond, "");
  EXPECT_GT(after, 2.5) << "an idle connection is not a slow head";
  const double second = seconds_kept(echo.port(), kSecond + kPost + "X: ", "x");
  EXPECT_LT(second, 5) << "the second head has a clock, too";
}

TEST(Server, AClientThatGoesIsToldOnce) {
  Echo echo;
  for (const char* target : {"/silent", "/stream"}) {
    const int before = echo.gone;
    RawClient client(echo.port());
    client.send(cat("GET ", target, " HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    const double end = monotonic_seconds() + 10;
    while (echo.served == before && monotonic_seconds() < end) { std::this_thread::yield(); }
    if (target == std::string("/stream")) { client.receive(10, "xxx"); }
    client.close();
    while (echo.gone == before && monotonic_seconds() < end) { std::this_thread::yield(); }
    EXPECT_EQ(echo.gone, before + 1) << target;
  }
  EXPECT_EQ(verdict(echo.port(), kGet + "Connection: close\r\n\r\n", 10), "200 x");
  EXPECT_EQ(echo.gone, 2) << "whose answer is complete is not gone";
}

TEST(Server, AReaderThatNeverReadsIsCut) {
  ServerOptions options;
  options.write_timeout = 1;
  Echo echo(options);
  RawClient client(echo.port(), 2048);
  client.send("GET /stream HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const double begin = monotonic_seconds();
  while (echo.gone == 0 && monotonic_seconds() - begin < 15) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(echo.gone, 1);
  const double end = monotonic_seconds() + 10;
  while (echo.server().connections() > 0 && monotonic_seconds() < end) { std::this_thread::yield(); }
  EXPECT_EQ(echo.server().connections(), 0);
}

TEST(Server, ConnectionsBeyondTheLimitAreTurnedAway) {
  ServerOptions options;
  options.max_connections_per_peer = 3;
  Echo echo(options);
  std::vector<RawClient> held;
  for (int i = 0; i < 3; ++i) { held.emplace_back(echo.port()); }
  const double end = monotonic_seconds() + 10;
  while (echo.server().connections() < 3 && monotonic_seconds() < end) { std::this_thread::yield(); }
  EXPECT_EQ(verdict(echo.port(), "", 10), "503 x");
  held.clear();
  while (echo.server().connections() > 0 && monotonic_seconds() < end) { std::this_thread::yield(); }
  EXPECT_EQ(verdict(echo.port(), kGet + "Connection: close\r\n\r\n", 10), "200 x");
}

// One program with many requests at one time: the limit for one address is not meant for the machine itself. What is
// turned away has its answer although it has sent a request.
TEST(Server, ThisMachineMayHaveEveryConnectionAndWhoIsTurnedAwayIsTold) {
  ServerOptions options;
  options.max_connections = 300;
  Echo echo(options);
  std::vector<RawClient> held;
  for (int i = 0; i < 300; ++i) { held.emplace_back(echo.port()); }
  const double end = monotonic_seconds() + 10;
  while (echo.server().connections() < 300 && monotonic_seconds() < end) { std::this_thread::yield(); }
  EXPECT_EQ(echo.server().connections(), 300);
  EXPECT_EQ(verdict(echo.port(), kSecond, 10), "503 x");
}

TEST(Server, AnAdmittedSiteMaySendRequests) {
  ServerOptions options;
  options.allowed_origin = {"https://page.example"};
  options.allowed_host = {"my.name"};
  const Echo echo(options);
  RawClient client(echo.port());
  client.send("OPTIONS /v1/x HTTP/1.1\r\nHost: my.name\r\nOrigin: https://page.example\r\n\r\n");
  const std::string asked = client.receive(10, "\r\n\r\n");
  EXPECT_NE(asked.find("204"), std::string::npos);
  EXPECT_NE(asked.find("access-control-allow-origin: https://page.example"), std::string::npos);
  client.send(kGet + "Origin: https://page.example\r\n\r\n");
  EXPECT_NE(client.receive(10, "bytes").find("access-control-allow-origin: https://page.example"),
            std::string::npos);
}

TEST(Server, DrainingEndsConnectionsWithTheirAnswers) {
  Echo echo;
  RawClient idle(echo.port());
  echo.server().drain();
  idle.receive(5);
  EXPECT_TRUE(idle.closed());
  EXPECT_EQ(verdict(echo.port(), kSecond, 10), "200 x");
}

TEST(Server, AnAddressThatIsTakenIsASentence) {
  const Echo echo;
  ServerOptions options;
  options.port = echo.port();
  EXPECT_THROW(Server(options, {}), InputError);
  options.host = "no.such.host.invalid";
  EXPECT_THROW(Server(options, {}), InputError);
  options.head_timeout = 0;
  EXPECT_THROW(check_server_options(options), InputError);
}

}  // namespace
}  // namespace una::net
