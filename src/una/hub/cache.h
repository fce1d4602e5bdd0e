#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace una::hub {

// A model of the Hugging Face hub as `hf download` and transformers leave it on this machine.
struct CachedModel {
  std::string folder;    // .../snapshots/COMMIT
  std::string revision;  // the commit
};

// "org/name@revision" in its parts.
struct HubName {
  std::string repository, revision = "main";
};
HubName parts_of(const std::string& name);

// Where the cache keeps a repository: .../models--org--name. It need not exist.
std::string repository_folder(const std::string& repository);

// True for "org/name" and "org/name@revision" where no such path exists here.
bool is_name(const std::string& name);

// $HF_HUB_CACHE, else $HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else ~/.cache/huggingface/hub, as for
// huggingface_hub. It need not exist.
std::string cache_folder();

// The revision is a branch, a tag or a commit; "main" where the name has none. nullopt: the
// model is not in the cache. InputError when it is there, but not in that revision (names those that are).
// Downloads nothing.
std::optional<CachedModel> find(const std::string& name);

// Whether resolve() may fetch (--download): the whole process, set by the command line before anything is resolved.
void allow_downloads(bool allowed);

// Replaces a hub name by its folder and logs the revision; a path stays, and so does a name that is not in the cache
// where nothing may be fetched. Where something may, the hub is asked first, and what the cache lacks is fetched
// (download.h); where the hub does not answer, the cache's revision is used with a warning.
void resolve(std::string& model);

// Whether the key of a command or a run names a folder with a model or an adapter.
bool names_model(std::string_view key);

// The same for all such keys of a command. Lists of adapters are resolved where each gets its own name.
template <class Options>
void resolve_all(Options& options) {
  options.fields([](std::string_view key, auto& field, const char*) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, std::string>) {
      if (names_model(key)) { resolve(field); }
    }
  });
}

}  // namespace una::hub
