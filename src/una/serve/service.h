#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "una/core/model_spec.h"
#include "una/model/model.h"
#include "una/net/server.h"
#include "una/openai/wire.h"
#include "una/serve/engine_thread.h"
#include "una/serve/metrics.h"
#include "una/serve/model_list.h"
#include "una/serve/serve_options.h"
#include "una/serve/token_texts.h"
#include "una/text/encoder.h"

namespace una::serve {

// What the model of a server is made of; what it refers to must outlive the server.
struct ServedModel {
  model::Model* model = nullptr;
  const text::Encoder* encoder = nullptr;
  std::string path;                               // the base's folder
  std::vector<ModelList::Adapter> adapters = {};  // loaded already; the first one is the default model
  std::function<double(const std::string& folder)> beta_of =
      {};                      // of an adapter's implicit reward; empty: 0.1
  std::string reference = {};  // content hash of the base: what implicit rewards are relative to
};

// What a route returns: the answer, or nullopt where a job will give it.
using Routed = std::optional<net::Response>;

struct Service;
// Routes in addition to the server's own, tried first; nullopt: the request is for none of them.
using ExtraRoutes = std::function<std::optional<Routed>(Service&, const net::Arrived&)>;

// What all routes share. Thread-safe as far as routes use it.
struct Service {
  Service(const ServeOptions& options, const ServedModel& model);

  ServeOptions options;
  ServedModel served;
  ModelSpec spec;
  std::int64_t max_model_len = 0;
  std::vector<std::int32_t> end_ids;  // the model's own end tokens
  ModelList models;
  TokenTexts texts;
  Metrics metrics;
  ExtraRoutes extra = {};
  EngineThread* engine = nullptr;
  net::Server* server = nullptr;

  const text::Tokenizer& tokenizer() const { return served.encoder->tokenizer(); }
  // The model of a request; HttpError 404 for an unknown one, 400 where it cannot sample.
  Named sampler(const std::string& name) const;
  Named named(const std::string& name) const;
  // BadRequest naming `param` for an id outside the vocabulary, no ids, and more than the model takes: one position
  // must be left for an answer unless the prompt is `only_scored`.
  void check_ids(const std::vector<std::int32_t>& ids, const char* param, bool only_scored) const;
  // Fields that are passed over are logged once each.
  void tell_ignored(const std::vector<std::string>& fields, const std::string& route);

 private:
  std::mutex mutex_;
  std::set<std::string> told_;
};

// An answer other than 200, for the client to read.
class HttpError : public InputError {
 public:
  HttpError(int status, const std::string& sentence) : InputError(sentence), status_(status) {}
  int status() const { return status_; }

 private:
  int status_;
};

net::Response json_answer(const Json& json);
net::Response error_answer(int status, const std::string& message, const std::string& param = "");
std::string new_id(const char* prefix);  // "cmpl-..." with 32 hexadecimal digits that no other has
std::uint64_t fresh_seed();              // for a request that gives none

}  // namespace una::serve
