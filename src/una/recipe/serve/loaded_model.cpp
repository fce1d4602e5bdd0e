#include "una/recipe/serve/loaded_model.h"

#include <ctime>
#include <memory>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/recipe/command_line.h"
#include "una/setup/implicit_reward.h"
#include "una/weights/peft_adapter.h"

namespace una::recipe {
namespace {

constexpr double kUsualBeta = 0.1;  // of an adapter whose folder does not tell its own

// "NAME=DIR", or "DIR" under its last folder's name.
struct AdapterWord {
  std::string name, folder;
};
AdapterWord split_word(const std::string& word) {
  const std::size_t equal = word.find('='), slash = word.find('/');
  if (equal != std::string::npos && (slash == std::string::npos || slash > equal)) {
    check_input(equal > 0 && equal + 1 < word.size(), "adapter: '", word, "' must be DIR or NAME=DIR");
    return {word.substr(0, equal), word.substr(equal + 1)};
  }
  std::string name;
  for (const std::string& part : split(word, '/')) { name = part.empty() || part == "." ? name : part; }
  check_input(!name.empty(), "adapter: '", word, "' has no name; write NAME=DIR");
  return {name, word};
}

// The folder may be a name in the Hugging Face cache; the adapter is then called as its repository.
AdapterWord adapter_word(const std::string& word) {
  AdapterWord out = split_word(word);
  hub::resolve(out.folder);
  return out;
}

double beta_of(const std::string& folder) { return setup::trained_beta(folder).value_or(kUsualBeta); }

std::vector<serve::ModelList::Adapter> load_adapters(const std::vector<AdapterWord>& words,
                                                     model::Model& model) {
  std::vector<serve::ModelList::Adapter> out;
  for (const AdapterWord& word : words) {
    for (const auto& other : out) {
      check_input(other.name != word.name, "adapter: two adapters are called ", word.name,
                  "; write NAME=DIR");
    }
    const LoraSpec spec = weights::read_adapter_config(word.folder);
    const weights::StateDict state = weights::read_adapter_weights(word.folder);
    const model::AdapterId id = model.load_adapter(spec, state, false, word.folder);
    out.push_back({.name = word.name,
                   .path = word.folder,
                   .handle = std::make_shared<const generate::LoadedAdapter>(generate::LoadedAdapter{id}),
                   .created = std::time(nullptr),
                   .beta = beta_of(word.folder),
                   .weights = setup::adapter_hash(spec, state)});
  }
  return out;
}

}  // namespace

serve::ServedModel LoadedModel::served() const {
  return {.model = setup.model.get(),
          .encoder = &text.encoder,
          .path = setup.folder.path,
          .adapters = adapters,
          .beta_of = beta_of,
          .reference = setup.folder.content_hash};
}

LoadedModel load_model(ModelKeys keys) {
  std::vector<AdapterWord> words;
  for (const std::string& word : keys.adapter) { words.push_back(adapter_word(word)); }
  const std::string first = words.empty() ? "" : words[0].folder;
  find_model(keys.model_name_or_path, first);
  LoadedModel loaded{.setup = setup::load_for_inference(keys.model_name_or_path, "", keys.compute)};
  rows::DataOptions data;
  data.chat_template_path = keys.chat_template_path;
  data.template_date = keys.template_date;
  loaded.text =
      setup::load_text(setup::text_folders(keys.model_name_or_path, first), data, loaded.setup.folder.spec);
  loaded.adapters = load_adapters(words, *loaded.setup.model);
  return loaded;
}

}  // namespace una::recipe
