#include "una/hub/cache.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/hub/download.h"

namespace una::hub {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool& may_download() {
  static bool allowed = false;
  return allowed;
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) { text.pop_back(); }
  return text;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file(error)) { out.push_back(fs::relative(entry.path(), folder).string()); }
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

HubName parts_of(const std::string& name) {
  const std::size_t at = name.find('@');
  if (at == std::string::npos) { return {name}; }
  return {name.substr(0, at), name.substr(at + 1)};
}

std::string repository_folder(const std::string& repository) {
  std::string folder = repository;
  folder.replace(folder.find('/'), 1, "--");
  return cat(cache_folder(), "/models--", folder);
}

std::string cache_folder() {
  if (const std::string folder = variable("HF_HUB_CACHE"); !folder.empty()) { return folder; }
  if (const std::string home = variable("HF_HOME"); !home.empty()) { return home + "/hub"; }
  const std::string caches = variable("XDG_CACHE_HOME");
  return (caches.empty() ? variable("HOME") + "/.cache" : caches) + "/huggingface/hub";
}

bool is_name(const std::string& name) {
  const std::string repository = parts_of(name).repository;
  if (repository.empty() || is_folder(name) || is_file(name)) { return false; }
  const std::size_t slash = repository.find('/');
  return slash != std::string::npos && slash > 0 && slash + 1 < repository.size() &&
         repository.find('/', slash + 1) == std::string::npos && repository.front() != '.' &&
         !is_folder(repository.substr(0, slash));
}

std::optional<CachedModel> find(const std::string& name) {
  const HubName hub = parts_of(name);
  const std::string folder = repository_folder(hub.repository);
  if (!is_folder(folder + "/snapshots")) { return std::nullopt; }
  const std::string reference = cat(folder, "/refs/", hub.revision);
  const std::string commit = is_file(reference) ? trimmed(read_file(reference)) : hub.revision;
  CachedModel found{cat(folder, "/snapshots/", commit), commit};
  check_input(!commit.empty() && commit.find("..") == std::string::npos && is_folder(found.folder), name,
              ": the Hugging Face cache has this model, but not the revision '", hub.revision,
              "'; its revisions are ", join(names_in(folder + "/refs"), ", "), " (in ", folder, ")");
  return found;
}

bool names_model(std::string_view key) {
  return key == "model_name_or_path" || key == "model" || key == "adapter" || key == "ref_model" ||
         key == "critic_from";
}

void allow_downloads(bool allowed) { may_download() = allowed; }

void resolve(std::string& model) {
  if (!is_name(model)) { return; }
  const std::optional<CachedModel> found = may_download() ? fetch(model) : find(model);
  if (!found) { return; }
  log_info(cat(model, ": revision ", found->revision, " of the Hugging Face cache, ", found->folder));
  model = found->folder;
}

}  // namespace una::hub
