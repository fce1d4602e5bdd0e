#pragma once

#include <optional>
#include <string>

#include "una/hub/cache.h"

namespace una::hub {

// Fetches the model "org/name@revision" into the cache in huggingface_hub's layout, so that its programs find it too:
// blobs/ by content hash, snapshots/COMMIT/ with links to them, refs/REVISION. Only what una and transformers read:
// configurations, tokenizers, templates, safetensors. Files that are there are not fetched again, a file that was cut is
// continued, and each is compared with the hash that the hub has of it (SHA-256, or git's for small files) before it
// gets its name; the snapshot appears when all of them are there. One process fetches a file, others wait for it.
//
// HF_ENDPOINT names another hub, HF_TOKEN holds the token and goes to the hub alone. InputError: no such model or
// revision, a token that is missing or may not read it, HF_HUB_OFFLINE, no room on the disk, a wrong hash, Ctrl-C. Where
// the hub cannot be reached: the cache's revision with a warning, or InputError without one.
std::optional<CachedModel> fetch(const std::string& name);

// Whether a file of a repository is one of those that are fetched.
bool is_wanted(const std::string& file);

}  // namespace una::hub
