#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace una::setup {

// A model of the Hugging Face hub as `hf download` and transformers leave it on this machine.
struct CachedModel {
  std::string folder;    // .../snapshots/COMMIT
  std::string revision;  // the commit
};

// True for "org/name" and "org/name@revision" where no such path exists here.
bool is_hub_name(const std::string& name);

// $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub, as for
// huggingface_hub. It need not exist.
std::string hub_cache_folder();

// The revision is a branch, a tag or a commit; "main" where the name has none. nullopt: the
// model is not in the cache. InputError when it is there, but not in that revision (names those that are).
// Downloads nothing.
std::optional<CachedModel> find_in_hub_cache(const std::string& name);

// Replaces a hub name by its folder and logs the revision; a path, or a name that is not in the cache, stays.
void resolve_hub_name(std::string& model);

// Whether the key of a command or a run names a folder with a model or an adapter.
bool names_model(std::string_view key);

// The same for all such keys of a command. Lists of adapters are resolved where each gets its own name.
template <class Options>
void resolve_hub_names(Options& options) {
  options.fields([](std::string_view key, auto& field, const char*) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) {
      if (names_model(key)) { resolve_hub_name(field); }
    }
  });
}

}  // namespace una::setup
