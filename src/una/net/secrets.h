#pragma once

#include <string>
#include <vector>

namespace una::net {

// Blots keys out of what servers send back. A server may echo a key in many forms: as it is, in another case of
// percent-encoding (%2D), with JSON or HTML escapes (\u002d, \/, &#45;), broken over lines, or cut at either end.
// Immutable, thread-safe.
class Secrets {
 public:
  Secrets() = default;
  // Words shorter than four characters do not count (a local server's key may be "x") and stay as they are.
  explicit Secrets(const std::vector<std::string>& words);

  // `text` with "***" for each run of characters that is a secret, or at least half of one and eight
  // characters, after escapes are undone and white space is skipped. A JSON text stays one.
  std::string redacted(const std::string& text) const;

 private:
  std::vector<std::string> words_;
};

}  // namespace una::net
