#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/generate/engine.h"

namespace una::serve {

// A model that a request named.
struct Named {
  std::string name;
  generate::AdapterHandle adapter;  // null: the base
  double beta = 0;                  // of the adapter's implicit reward
};

// The names that requests can give: those of the base, and adapters, which come and go. Thread-safe.
class ModelList {
 public:
  // An adapter that the server offers as a model of its own name.
  struct Adapter {
    std::string name, path;
    generate::AdapterHandle handle;
    std::int64_t created = 0;  // seconds since 1970
    double beta = 0.1;         // of its implicit reward
    std::string weights = {};  // content hash
  };
  ModelList(std::vector<std::string> base_names, std::string base_path, std::int64_t max_model_len);

  // "" is the first adapter that was there from the start, else the base. nullopt: unknown.
  std::optional<Named> find(const std::string& name) const;
  // The handle that had the name before, if any; the name has the new one from now on.
  generate::AdapterHandle put(Adapter adapter);
  generate::AdapterHandle remove(const std::string& name);  // null: there was none
  bool has(const std::string& name) const;
  void set_default(const std::string& name);  // what "" means
  std::string default_name() const;

  Json list() const;                                        // GET /v1/models
  std::optional<Json> card(const std::string& name) const;  // GET /v1/models/{name}

 private:
  Json base_card(const std::string& name) const;
  Json adapter_card(const Adapter& adapter) const;

  std::vector<std::string> base_names_;
  std::string base_path_, default_;
  std::int64_t max_model_len_, started_;
  mutable std::mutex mutex_;
  std::map<std::string, Adapter> adapters_;
};

}  // namespace una::serve
