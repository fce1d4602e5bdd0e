#include "una/net/transfer.h"

#include <algorithm>
#include <list>
#include <utility>

#include <curl/curl.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/net/curl_handle.h"

namespace una::net {
namespace {

constexpr std::size_t kLargestAnswer = 16U << 20U;  // bytes; a server that never ends is cut off

// One request in flight; owns its libcurl handle.
struct Transfer {
  std::size_t tag = 0;
  std::string request, body;
  std::optional<double> retry_after;
  bool too_large = false;
  curl_slist* headers = nullptr;
  CurlHandle handle;

  Transfer() = default;
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  ~Transfer() { curl_slist_free_all(headers); }
};

std::size_t on_body(const char* bytes, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  if (transfer->body.size() + size * count > kLargestAnswer) {
    transfer->too_large = true;
    return 0;
  }
  transfer->body.append(bytes, size * count);
  return size * count;
}

std::size_t on_header(const char* bytes, std::size_t size, std::size_t count, void* user) {
  const std::string line(bytes, size * count);
  const std::size_t colon = line.find(':');
  std::string name = line.substr(0, colon);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name == "retry-after" && colon != std::string::npos) {
    static_cast<Transfer*>(user)->retry_after = parse_retry_after(line.substr(colon + 1), unix_seconds());
  }
  return size * count;
}

long milliseconds(double seconds) { return std::max(1L, static_cast<long>(seconds * 1000)); }

}  // namespace

// libcurl's multi handle and what is in flight.
struct Transfers::Impl {
  explicit Impl(TransferOptions wanted) : options(std::move(wanted)), multi(curl_multi_init()) {
    check(multi != nullptr, "libcurl: no multi handle");
  }
  ~Impl() {
    give_up();
    curl_multi_cleanup(multi);
  }

  void give_up() {
    for (const auto& transfer : active) { curl_multi_remove_handle(multi, transfer->handle.get()); }
    active.clear();
  }
  void prepare(Transfer& transfer, const Request& request) const;
  Answer answer_of(Transfer& transfer, CURLcode code) const;

  TransferOptions options;
  CURLM* multi;
  std::list<std::unique_ptr<Transfer>> active;
};

void Transfers::Impl::prepare(Transfer& transfer, const Request& request) const {
  transfer.handle = make_curl_handle(request.url);
  CURL* handle = transfer.handle.get();
  transfer.request = request.body;
  const auto add = [&](const std::string& line) {
    transfer.headers = curl_slist_append(transfer.headers, line.c_str());
  };
  add("Content-Type: application/json");
  add("Accept: application/json");
  add("Expect:");  // no round trip before the body
  for (const std::string& line : request.headers) { add(line); }
  if (!options.bearer.empty()) { add("Authorization: Bearer " + options.bearer); }
  curl_easy_setopt(handle, CURLOPT_POST, 1L);
  curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(transfer.request.size()));
  curl_easy_setopt(handle, CURLOPT_POSTFIELDS, transfer.request.c_str());
  curl_easy_setopt(handle, CURLOPT_HTTPHEADER, transfer.headers);
  curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, milliseconds(options.timeout));
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS,
                   milliseconds(std::min(options.timeout, options.connect_timeout)));
  curl_easy_setopt(handle, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(handle, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(handle, CURLOPT_PRIVATE, &transfer);
}

Answer Transfers::Impl::answer_of(Transfer& transfer, CURLcode code) const {
  Answer answer;
  if (code == CURLE_OK) {
    long status = 0;
    curl_easy_getinfo(transfer.handle.get(), CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    answer.body = std::move(transfer.body);
    answer.retry_after = transfer.retry_after;
  } else if (transfer.too_large) {
    answer.trouble = cat("the answer is longer than ", human_bytes(kLargestAnswer));
  } else if (code == CURLE_OPERATION_TIMEDOUT) {
    answer.trouble = cat("no whole answer within ", significant(options.timeout, 3), " s");
  } else if (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR) {
    answer.trouble = "the connection broke in the middle of the answer";
  } else if (code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_WEIRD_SERVER_REPLY) {
    answer.trouble = "the server did not send an HTTP answer";
  } else {
    answer.trouble = curl_easy_strerror(code);
    answer.unreachable = is_unreachable(code);
  }
  return answer;
}

Transfers::Transfers(TransferOptions options) { impl_ = std::make_unique<Impl>(std::move(options)); }

Transfers::~Transfers() = default;

std::size_t Transfers::in_flight() const { return impl_->active.size(); }

void Transfers::give_up() { impl_->give_up(); }

void Transfers::start(const Request& request, std::size_t tag) {
  auto transfer = std::make_unique<Transfer>();
  transfer->tag = tag;
  impl_->prepare(*transfer, request);
  check(curl_multi_add_handle(impl_->multi, transfer->handle.get()) == CURLM_OK,
        "libcurl: a request was not taken");
  impl_->active.push_back(std::move(transfer));
}

std::vector<Transfers::Done> Transfers::wait(double seconds) {
  std::vector<Done> done;
  int running = 0;
  check(curl_multi_perform(impl_->multi, &running) == CURLM_OK, "libcurl: perform failed");
  if (static_cast<std::size_t>(running) == impl_->active.size()) {
    curl_multi_poll(impl_->multi, nullptr, 0, static_cast<int>(std::clamp(seconds, 0.0, 60.0) * 1000),
                    nullptr);
    check(curl_multi_perform(impl_->multi, &running) == CURLM_OK, "libcurl: perform failed");
  }
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(impl_->multi, &left)) {
    if (message->msg != CURLMSG_DONE) { continue; }
    const CURLcode code = message->data.result;
    CURL* handle = message->easy_handle;
    const auto found = std::find_if(impl_->active.begin(), impl_->active.end(),
                                    [&](const auto& t) { return t->handle.get() == handle; });
    check(found != impl_->active.end(), "libcurl: an answer to nothing");
    curl_multi_remove_handle(impl_->multi, handle);
    done.push_back({(*found)->tag, impl_->answer_of(**found, code)});
    impl_->active.erase(found);
  }
  return done;
}

}  // namespace una::net
