#include "una/hub/download.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "una/base/error.h"
#include "una/base/files/file_lock.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/hub/checksum.h"
#include "una/net/download.h"
#include "una/net/http.h"
#include "una/report/progress_bar.h"

namespace una::hub {
namespace {

namespace fs = std::filesystem;

// A file of the revision.
struct HubFile {
  std::string name;
  std::int64_t size = 0;
  std::string id;       // the name of its blob: its SHA-256, or git's id
  bool is_lfs = false;  // its id is a SHA-256
};

// What the hub says of a revision.
struct Revision {
  std::string commit;
  std::vector<HubFile> files;
};

bool is_hex(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string endpoint() {
  const char* given = std::getenv("HF_ENDPOINT");
  std::string url = given == nullptr || *given == '\0' ? "https://huggingface.co" : given;
  while (!url.empty() && url.back() == '/') { url.pop_back(); }
  net::check_url(url, "HF_ENDPOINT");
  return url;
}

bool is_offline() {
  const char* given = std::getenv("HF_HUB_OFFLINE");
  const std::string value = given == nullptr ? "" : given;
  return value == "1" || value == "true" || value == "TRUE" || value == "yes" || value == "YES" ||
         value == "ON";
}

[[noreturn]] void refuse(const std::string& name, const net::Answer& answer, bool has_token) {
  if (answer.status == 401 || answer.status == 403) {
    throw InputError(cat(name, ": the hub answered ", answer.status, ": ",
                         has_token ? "the token in HF_TOKEN may not read it (is the licence accepted?)"
                                   : "there is no such model, or it needs a token: set HF_TOKEN"));
  }
  if (answer.status == 404) { throw InputError(cat(name, ": the hub has no such model or revision")); }
  throw InputError(cat(name, ": the hub answered ", answer.status, " ", net::excerpt(answer.body)));
}

HubFile read_file_entry(const Json& entry, const std::string& what) {
  HubFile file;
  file.name = string_member(entry, "rfilename", "", what);
  file.size = integer_member(entry, "size", -1, what);
  file.id = string_member(entry, "blobId", "", what);
  if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
    file.is_lfs = true;
    file.id = string_member(*lfs, "sha256", "", what);
    file.size = integer_member(*lfs, "size", file.size, what);
  }
  return file;
}

Revision read_revision(const std::string& text, const std::string& what) {
  const Json json = parse_json(text, what);
  Revision out;
  const auto files = json.is_object() ? json.find("siblings") : json.end();
  check_input(json.is_object() && files != json.end() && files->is_array(), what, ": lists no files");
  out.commit = string_member(json, "sha", "", what);
  check_input(is_hex(out.commit), what, ": names no commit");
  for (const Json& entry : *files) {
    HubFile file = read_file_entry(entry, what);
    if (!is_wanted(file.name)) { continue; }
    check_input(file.size >= 0 && is_hex(file.id), what, ": no size or hash of ", file.name);
    out.files.push_back(std::move(file));
  }
  check_input(!out.files.empty(), what, ": the model has no configuration or safetensors");
  return out;
}

// One model on its way into the cache.
class Fetch {
 public:
  Fetch(std::string name, HubName hub, std::string token, Revision revision)
      : name_(std::move(name)),
        hub_(std::move(hub)),
        token_(std::move(token)),
        revision_(std::move(revision)),
        folder_(repository_folder(hub_.repository)) {}

  CachedModel run() {
    make_folder(folder_ + "/blobs");
    std::int64_t missing = 0, all = 0;
    for (const HubFile& file : revision_.files) {
      all += file.size;
      if (!is_there(file)) { missing += file.size - part_of(file); }
    }
    const auto free = static_cast<double>(free_bytes(folder_));
    check_input(free > static_cast<double>(missing), folder_, ": ", human_bytes(free), " free, but ",
                human_bytes(static_cast<double>(missing)), " of ", name_, " are to be fetched");
    log_info(cat(name_, ": ", revision_.files.size(), " files, ", human_bytes(static_cast<double>(all)), ", ",
                 human_bytes(static_cast<double>(missing)), " to fetch from ", net::url_host(endpoint())));
    bar_ = std::make_unique<report::ProgressBar>(cat("fetch ", hub_.repository), static_cast<double>(missing),
                                                 "bytes");
    for (const HubFile& file : revision_.files) { bring(file); }
    bar_->finish();
    return link();
  }

 private:
  std::string blob(const HubFile& file) const { return cat(folder_, "/blobs/", file.id); }
  std::string part(const HubFile& file) const { return blob(file) + ".incomplete"; }
  bool is_there(const HubFile& file) const {
    std::error_code error;
    return static_cast<std::int64_t>(fs::file_size(blob(file), error)) == file.size && !error;
  }
  std::int64_t part_of(const HubFile& file) const {
    std::error_code error;
    const auto size = static_cast<std::int64_t>(fs::file_size(part(file), error));
    return error || size > file.size ? 0 : size;
  }

  // Waits while another process fetches the same file.
  std::unique_ptr<FileLock> lock(const HubFile& file) const {
    const std::string folder = cat(cache_folder(), "/.locks/", fs::path(folder_).filename().string());
    make_folder(folder);
    for (bool told = false;;) {
      try {
        return std::make_unique<FileLock>(cat(folder, "/", file.id, ".lock"), file.name);
      } catch (const InputError& error) {
        if (!told) { log_info(cat("waiting: ", error.what())); }
        told = true;
      }
      if (interrupted()) { throw Interrupted(cat("stopped while another process fetches ", file.name)); }
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
    }
  }

  void bring(const HubFile& file) {
    if (is_there(file)) { return; }
    const std::unique_ptr<FileLock> own = lock(file);
    if (is_there(file)) { return bar_->advance(static_cast<double>(file.size), file.name); }
    const net::Source source{
        .url = cat(endpoint(), "/", hub_.repository, "/resolve/", revision_.commit, "/", file.name),
        .bearer = token_};
    net::download(source, part(file), file.size,
                  [&](std::int64_t more) { bar_->advance(static_cast<double>(more), file.name); });
    const std::string found = file.is_lfs ? sha256_of(part(file)) : git_blob_id_of(part(file));
    if (found != file.id) {
      fs::remove(part(file));
      throw InputError(cat(name_, ": ", file.name, " arrived with the hash ", found, " instead of ", file.id,
                           " and was removed; the same command fetches it again"));
    }
    fs::rename(part(file), blob(file));
  }

  CachedModel link() const {
    CachedModel out{cat(folder_, "/snapshots/", revision_.commit), revision_.commit};
    for (const HubFile& file : revision_.files) {
      const fs::path path = fs::path(out.folder) / file.name;
      make_folder(path.parent_path().string());
      std::error_code error;
      if (fs::exists(path, error)) { continue; }
      fs::remove(path, error);  // a link to nothing
      const auto depth = std::count(file.name.begin(), file.name.end(), '/');
      std::string target = "../../";
      for (std::int64_t i = 0; i < depth; ++i) { target += "../"; }
      fs::create_symlink(target + "blobs/" + file.id, path, error);
      check_input(!error, path.string(), ": ", error.message());
    }
    if (hub_.revision != revision_.commit) {
      const std::string reference = cat(folder_, "/refs/", hub_.revision);
      make_folder(fs::path(reference).parent_path().string());
      write_file(reference, revision_.commit);
    }
    return out;
  }

  std::string name_;
  HubName hub_;
  std::string token_;
  Revision revision_;
  std::string folder_;
  std::unique_ptr<report::ProgressBar> bar_;
};

}  // namespace

bool is_wanted(const std::string& file) {
  const std::size_t slash = file.find('/');
  const std::string base = slash == std::string::npos ? file : file.substr(slash + 1);
  if (slash != std::string::npos && file.substr(0, slash) != "additional_chat_templates") { return false; }
  if (base.empty() || base.front() == '.' || base.find('/') != std::string::npos) { return false; }
  if (base.find_first_of("\\%?#") != std::string::npos) { return false; }
  if (starts_with(base, "consolidated")) { return false; }  // the same weights under Mistral's own names
  static const std::vector<std::string> kEndings = {".json", ".safetensors", ".jinja", ".model", ".txt"};
  return std::any_of(kEndings.begin(), kEndings.end(),
                     [&](const std::string& end) { return ends_with(base, end); });
}

std::optional<CachedModel> fetch(const std::string& name) {
  check_input(!is_offline(), name, ": --download true, but HF_HUB_OFFLINE is set; keep one of them");
  const HubName hub = parts_of(name);
  check_input(hub.revision.find("..") == std::string::npos && !hub.revision.empty() &&
                  hub.revision.find_first_of("?#% ") == std::string::npos,
              name, ": this is not the name of a revision");
  const std::string token = net::environment_key("HF_TOKEN", endpoint());
  const std::string url =
      cat(endpoint(), "/api/models/", hub.repository, "/revision/", hub.revision, "?blobs=true");
  const net::Answer answer = net::get({.url = url, .bearer = token});
  if (answer.status == 0) {
    std::optional<CachedModel> found = find(name);
    const std::string trouble = cat(name, ": ", net::shown_url(url), ": ", answer.trouble);
    if (!found) { throw InputError(trouble); }
    log_warning(cat(trouble, "; the revision of the cache is used"));
    return found;
  }
  if (answer.status != 200) { refuse(name, answer, !token.empty()); }
  return Fetch(name, hub, token, read_revision(answer.body, net::shown_url(url))).run();
}

}  // namespace una::hub
