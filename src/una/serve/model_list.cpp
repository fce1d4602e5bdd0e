#include "una/serve/model_list.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "una/base/error.h"

namespace una::serve {
namespace {

Json card_json(const std::string& id, std::int64_t created, const std::string& root,
               std::int64_t max_model_len) {
  Json permission{{"id", "modelperm-" + id},
                  {"object", "model_permission"},
                  {"created", created},
                  {"allow_sampling", true},
                  {"allow_logprobs", true}};
  return {{"id", id},
          {"object", "model"},
          {"created", created},
          {"owned_by", "una"},
          {"root", root},
          {"parent", nullptr},
          {"max_model_len", max_model_len},
          {"permission", Json::array({permission})}};
}

}  // namespace

ModelList::ModelList(std::vector<std::string> base_names, std::string base_path, std::int64_t max_model_len)
    : base_names_(std::move(base_names)),
      base_path_(std::move(base_path)),
      max_model_len_(max_model_len),
      started_(std::time(nullptr)) {
  check(!base_names_.empty(), "ModelList: the base has no name");
  default_ = base_names_[0];
}

std::optional<Named> ModelList::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const std::string& wanted = name.empty() ? default_ : name;
  const auto found = adapters_.find(wanted);
  if (found != adapters_.end()) { return Named{wanted, found->second.handle, found->second.beta}; }
  const bool is_base =
      wanted == base_path_ || std::find(base_names_.begin(), base_names_.end(), wanted) != base_names_.end();
  return is_base ? std::optional(Named{wanted, nullptr, 0}) : std::nullopt;
}

generate::AdapterHandle ModelList::put(Adapter adapter) {
  const std::lock_guard lock(mutex_);
  Adapter& entry = adapters_[adapter.name];
  std::swap(entry, adapter);
  return adapter.handle;
}

generate::AdapterHandle ModelList::remove(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = adapters_.find(name);
  if (found == adapters_.end()) { return nullptr; }
  generate::AdapterHandle handle = std::move(found->second.handle);
  adapters_.erase(found);
  if (default_ == name) { default_ = base_names_[0]; }
  return handle;
}

bool ModelList::has(const std::string& name) const { return !name.empty() && find(name).has_value(); }

void ModelList::set_default(const std::string& name) {
  const std::lock_guard lock(mutex_);
  default_ = name;
}

std::string ModelList::default_name() const {
  const std::lock_guard lock(mutex_);
  return default_;
}

Json ModelList::base_card(const std::string& name) const {
  return card_json(name, started_, base_path_, max_model_len_);
}

Json ModelList::adapter_card(const Adapter& adapter) const {
  Json card = card_json(adapter.name, adapter.created, adapter.path, max_model_len_);
  card["parent"] = base_names_[0];
  return card;
}

Json ModelList::list() const {
  const std::lock_guard lock(mutex_);
  Json data = Json::array();
  for (const std::string& name : base_names_) { data.push_back(base_card(name)); }
  for (const auto& [name, adapter] : adapters_) { data.push_back(adapter_card(adapter)); }
  return {{"object", "list"}, {"data", data}};
}

std::optional<Json> ModelList::card(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = adapters_.find(name);
  if (found != adapters_.end()) { return adapter_card(found->second); }
  if (std::find(base_names_.begin(), base_names_.end(), name) == base_names_.end()) { return std::nullopt; }
  return base_card(name);
}

}  // namespace una::serve
