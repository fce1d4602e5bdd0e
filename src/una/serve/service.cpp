#include "una/serve/service.h"

#include <algorithm>
#include <random>

#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/printable.h"

namespace una::serve {
namespace {

std::vector<std::string> base_names(const ServeOptions& options, const std::string& path) {
  if (!options.served_model_name.empty()) { return options.served_model_name; }
  const std::vector<std::string> parts = split(path, '/');
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!part->empty() && *part != ".") { return {*part}; }
  }
  return {"model"};
}

std::int64_t length_limit(const ServeOptions& options, const ModelSpec& spec) {
  const std::int64_t positions = spec.position_limit();
  return options.max_model_len == 0 ? positions : std::min(options.max_model_len, positions);
}

}  // namespace

Service::Service(const ServeOptions& the_options, const ServedModel& model)
    : options(the_options),
      served(model),
      spec(model.model->spec()),
      max_model_len(length_limit(the_options, spec)),
      end_ids(spec.eos_ids),
      models(base_names(the_options, model.path), model.path, max_model_len),
      texts(model.encoder->tokenizer()),
      metrics(models.default_name()) {
  const std::int32_t eos = model.encoder->model().eos_id;
  if (eos >= 0 && std::find(end_ids.begin(), end_ids.end(), eos) == end_ids.end()) { end_ids.push_back(eos); }
  for (const ModelList::Adapter& adapter : model.adapters) { models.put(adapter); }
  if (!model.adapters.empty()) { models.set_default(model.adapters[0].name); }
  served.adapters.clear();  // the list owns them
}

Named Service::named(const std::string& name) const {
  const std::optional<Named> found = models.find(name);
  if (!found) {
    throw HttpError(404, cat("the model '", name, "' does not exist here; /v1/models lists what does"));
  }
  return *found;
}

Named Service::sampler(const std::string& name) const {
  Named found = named(name);
  if (spec.is_reward_model()) {
    throw HttpError(400,
                    cat("'", found.name, "' is a reward model: it scores (/v1/score) and cannot generate"));
  }
  return found;
}

void Service::check_ids(const std::vector<std::int32_t>& ids, const char* param, bool only_scored) const {
  if (ids.empty()) { throw openai::BadRequest(param, cat("'", param, "' has no tokens")); }
  for (const std::int32_t id : ids) {
    if (id < 0 || id >= spec.vocab_size) {
      throw openai::BadRequest(
          param, cat("'", param, "': token id ", id, " is outside the vocabulary of ", spec.vocab_size));
    }
  }
  const auto size = std::ssize(ids);
  if (size > max_model_len || (size == max_model_len && !only_scored)) {
    throw openai::BadRequest(
        param, cat("'", param, "' has ", size, " tokens, which leaves no room for an answer in the ",
                   max_model_len, " that the model takes"));
  }
}

void Service::tell_ignored(const std::vector<std::string>& fields, const std::string& route) {
  const std::lock_guard lock(mutex_);
  for (const std::string& field : fields) {
    if (told_.size() > 1000 || !told_.insert(route + " " + field).second) { continue; }
    log_info(cat("serve: requests to ", route,
                 " have a field that is passed over: ", printable(field.substr(0, 80))));
  }
}

net::Response json_answer(const Json& json) { return {.status = 200, .body = openai::dump(json)}; }

net::Response error_answer(int status, const std::string& message, const std::string& param) {
  net::Response answer{.status = status, .body = openai::dump(openai::error_json(status, message, param))};
  if (status == 503) { answer.headers = {{"retry-after", "1"}}; }
  if (status == 401) { answer.headers = {{"www-authenticate", "Bearer"}}; }
  return answer;
}

std::string new_id(const char* prefix) {
  static const char* const kDigits = "0123456789abcdef";
  std::string out = prefix;
  std::uint64_t bits = 0;
  for (int i = 0; i < 32; ++i) {
    if (i % 16 == 0) { bits = fresh_seed(); }
    out += kDigits[(bits >> (4 * (i % 16))) & 15];
  }
  return out;
}

std::uint64_t fresh_seed() {
  static std::mutex mutex;
  static std::mt19937_64 engine{std::random_device{}()};
  const std::lock_guard lock(mutex);
  return engine();
}

}  // namespace una::serve
