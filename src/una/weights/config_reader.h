#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/model_spec.h"

namespace una::weights::detail {

// Reads and checks the members of a config.json. Every InputError names `what` and the key. Both references
// must outlive the reader.
class ConfigReader {
 public:
  ConfigReader(const Json& config, const std::string& what) : config_(config), what_(what) {}

  bool is_set(const char* key) const;   // there and not null
  bool is_null(const char* key) const;  // there and null, which transformers distinguishes from an absent key
  std::int64_t size(const char* key) const;  // 1 .. 2^31 - 1; must be there
  std::int64_t size(const char* key, std::int64_t fallback) const;
  double positive(const char* key, double fallback) const;  // finite, > 0
  double number(const char* key) const;                     // finite; must be there
  std::vector<double> positives(const char* key) const;  // a list of positive numbers; absent or null: empty
  bool flag(const char* key, bool fallback) const;
  std::string text(const char* key, const std::string& fallback) const;
  std::vector<std::string> texts(const char* key) const;           // absent or null: empty
  ConfigReader object(const char* key) const;                      // must be set and an object
  std::int32_t token(const char* key, std::int32_t absent) const;  // null or negative: -1
  std::vector<std::int32_t> tokens(const char* key, const std::vector<std::int32_t>& absent) const;

  const Json& json() const { return config_; }
  const std::string& what() const { return what_; }
  [[noreturn]] void fail(const std::string& reason) const;

 private:
  std::int64_t token_id(const char* key, const Json& value) const;

  const Json& config_;
  const std::string& what_;
};

}  // namespace una::weights::detail
