#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "una/net/http.h"

namespace una::net {

// What is fetched by GET. Redirects are followed, from https to https only; the key goes to the URL's own host and to
// no other.
struct Source {
  std::string url;
  std::string bearer = {};  // secret: "Authorization: Bearer ..."; "": no such header
};

// The whole answer, at most 16 MB. What may pass (a broken connection, 408, 429, 5xx) is tried five times, a host that
// cannot be reached twice.
Answer get(const Source& source);

// Appends to the file at `path` what it lacks of `size` bytes. A connection that breaks is taken up again where it broke;
// five tries in a row that bring nothing are an InputError, as are a status of the server, a full disk and Ctrl-C; the
// bytes so far stay for the next call. A server that cannot resume is read from the beginning. `on_bytes`: called with the
// bytes that were added.
void download(const Source& source, const std::string& path, std::int64_t size,
              const std::function<void(std::int64_t more)>& on_bytes);

}  // namespace una::net
