#include "una/net/download.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <thread>

#include <curl/curl.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/files/append_file.h"
#include "una/base/format.h"
#include "una/base/os/interrupt.h"
#include "una/base/rng.h"
#include "una/net/curl_handle.h"
#include "una/net/pace.h"
#include "una/net/secrets.h"

namespace una::net {
namespace {

constexpr int kTries = 5;  // in a row that bring nothing
constexpr std::int64_t kLargestText = std::int64_t{16} << 20;
constexpr long kSilence = 60;          // seconds without a byte that end a try
constexpr double kLongestPause = 600;  // seconds; a server that asks for more is given up

// Where the bytes of one try go.
struct Sink {
  std::function<bool(const char* bytes, std::size_t size)> take;  // false: end the try
  std::int64_t received = 0;
  std::exception_ptr error = {};  // thrown by `take`; libcurl is C, so it waits until the try has ended
};

std::size_t on_body(const char* bytes, std::size_t size, std::size_t count, void* user) {
  auto* sink = static_cast<Sink*>(user);
  sink->received += static_cast<std::int64_t>(size * count);
  try {
    return sink->take(bytes, size * count) ? size * count : 0;
  } catch (...) {
    sink->error = std::current_exception();
    return 0;
  }
}

int on_progress(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return interrupted() ? 1 : 0; }

// How one try ended.
struct Try {
  CURLcode code = CURLE_OK;
  int status = 0;
  double pause = 0;  // seconds that the server asks for

  bool may_pass() const {
    if (code == CURLE_HTTP_RETURNED_ERROR) { return may_pass_later(status); }
    return code != CURLE_OK && code != CURLE_WRITE_ERROR && code != CURLE_ABORTED_BY_CALLBACK &&
           code != CURLE_TOO_MANY_REDIRECTS && code != CURLE_UNSUPPORTED_PROTOCOL;
  }
  std::string words() const {
    return code == CURLE_HTTP_RETURNED_ERROR ? cat("the server answered ", status) : curl_easy_strerror(code);
  }
};

// From byte `from` on. `keeps_errors`: bodies of errors are wanted too.
Try try_once(const Source& source, std::int64_t from, bool keeps_errors, Sink& sink) {
  const CurlHandle owner = make_curl_handle(source.url);
  CURL* handle = owner.get();
  curl_easy_setopt(handle, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(handle, CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(handle, CURLOPT_REDIR_PROTOCOLS_STR,
                   url_scheme(source.url) == "https" ? "https" : "http,https");
  curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, 30L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, kSilence);
  curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(handle, CURLOPT_FAILONERROR, keeps_errors ? 0L : 1L);
  curl_easy_setopt(handle, CURLOPT_RESUME_FROM_LARGE, static_cast<curl_off_t>(from));
  curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(handle, CURLOPT_WRITEDATA, &sink);
  if (!source.bearer.empty()) {  // libcurl sends it to no host that a redirect names
    curl_easy_setopt(handle, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(handle, CURLOPT_XOAUTH2_BEARER, source.bearer.c_str());
  }
  Try result{.code = curl_easy_perform(handle)};
  if (sink.error) { std::rethrow_exception(sink.error); }
  long status = 0;
  curl_off_t pause = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(handle, CURLINFO_RETRY_AFTER, &pause);
  result.status = static_cast<int>(status);
  result.pause = static_cast<double>(pause);
  return result;
}

// After `tries` tries: longer each time, or what the server asks for.
void wait_after(int tries, double asked) {
  Rng rng(static_cast<std::uint64_t>(process_id()), stream_id("download"));
  const double end = monotonic_seconds() + std::max(asked, backoff_seconds(1, 8, tries, rng));
  while (monotonic_seconds() < end && !interrupted()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

void check_not_stopped(const Source& source) {
  if (interrupted()) { throw Interrupted(cat("stopped while fetching ", shown_url(source.url))); }
}

// Returns 0 where there is no such file.
std::int64_t size_of(const std::string& path) {
  std::error_code error;
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(path, error));
  return error ? 0 : size;
}

}  // namespace

Answer get(const Source& source) {
  for (int tries = 1;; ++tries) {
    Answer answer;
    Sink sink{.take = [&](const char* bytes, std::size_t size) {
      answer.body.append(bytes, size);
      return static_cast<std::int64_t>(answer.body.size()) <= kLargestText;
    }};
    const Try result = try_once(source, 0, true, sink);
    check_not_stopped(source);
    const bool has_answer = result.code == CURLE_OK;
    const bool passes = has_answer ? may_pass_later(result.status) : result.may_pass();
    const int most = is_unreachable(result.code) ? 2 : kTries;
    if (passes && tries < most && result.pause <= kLongestPause) {
      wait_after(tries, result.pause);
      continue;
    }
    answer.status = has_answer ? result.status : 0;
    answer.trouble = has_answer ? "" : result.words();
    answer.unreachable = is_unreachable(result.code);
    answer.body = Secrets({source.bearer}).redacted(answer.body);
    return answer;
  }
}

void download(const Source& source, const std::string& path, std::int64_t size,
              const std::function<void(std::int64_t more)>& on_bytes) {
  AppendFile file(path);
  std::int64_t done = size_of(path);
  const auto begin_anew = [&] {
    std::error_code error;
    std::filesystem::resize_file(path, 0, error);
    check_input(!error, "cannot write ", path, ": ", error.message());
    done = 0;
  };
  if (done > size) { begin_anew(); }
  int idle = 0;  // tries in a row that brought nothing
  while (done < size) {
    Sink sink{.take = [&](const char* bytes, std::size_t count) {
      const auto more = static_cast<std::int64_t>(count);
      if (done + more > size) { return false; }
      file.append({bytes, count});
      done += more;
      on_bytes(more);
      return true;
    }};
    const Try result = try_once(source, done, false, sink);
    check_not_stopped(source);
    if (done == size) { break; }
    if (result.code == CURLE_RANGE_ERROR && done > 0) {
      on_bytes(-done);
      begin_anew();
      continue;
    }
    check_input(result.code != CURLE_WRITE_ERROR && result.code != CURLE_OK, shown_url(source.url),
                ": does not have the ", thousands(size), " bytes that were announced");
    idle = sink.received > 0 ? 0 : idle + 1;
    check_input(result.may_pass() && idle < kTries && result.pause <= kLongestPause, shown_url(source.url),
                ": ", result.words(), idle > 1 ? cat(" (", idle, " tries)") : "", "; ",
                human_bytes(static_cast<double>(done)), " of ", human_bytes(static_cast<double>(size)),
                " are kept, and the same command continues from there");
    wait_after(std::max(1, idle), result.pause);
  }
  file.sync();
}

}  // namespace una::net
