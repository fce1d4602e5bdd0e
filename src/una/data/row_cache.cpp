#include "una/data/row_cache.h"

#include <filesystem>
#include <optional>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/cache_folder.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json_line.h"
#include "una/base/log.h"
#include "una/data/load_rows.h"
#include "una/data/report_json.h"
#include "una/data/row_store.h"
#include "una/rows/drops.h"
#include "una/rows/files/dataset_info.h"
#include "una/rows/files/sources.h"
#include "una/text/named_templates.h"
#include "una/views/scores/score_fit_file.h"

namespace una::data::detail {
namespace {

constexpr std::uint64_t kVersion = 3;  // raised when the same files and settings come to give other rows
constexpr std::uint64_t kLarge = std::uint64_t{64}
                                 << 20;  // bytes of files from which on `auto` means a cache

bool are_large(const std::vector<rows::DataSource>& sources) {
  std::uint64_t bytes = 0;
  for (const rows::DataSource& source : sources) { bytes += rows::bytes_of(source.files); }
  return bytes > kLarge;
}

// "" : no cache. A folder that was asked for must be writable; the usual one may not be.
std::string cache_folder(const rows::DataOptions& options, const std::vector<rows::DataSource>& sources) {
  if (options.dataset_cache_dir != "auto") {
    make_folder(options.dataset_cache_dir);
    check_writable_folder(options.dataset_cache_dir);
    return options.dataset_cache_dir;
  }
  const std::string home = user_cache_folder();
  if (home.empty() || !are_large(sources)) { return ""; }
  try {
    make_folder(home + "/rows");
    check_writable_folder(home + "/rows");
    return home + "/rows";
  } catch (const InputError& error) {
    log_warning(cat("all rows stay in memory: ", error.what(), "; --dataset_cache_dir names another folder"));
    return "";
  }
}

// The reading options without those that change no row.
std::string settings_text(rows::DataOptions options) {
  const rows::DataOptions plain;
  options.dataset_cache_dir = plain.dataset_cache_dir;
  options.dataset_cache_gb = plain.dataset_cache_gb;
  options.allow_dropped = plain.allow_dropped;
  return print_options(options);
}

void add_files(const rows::DataOptions& options, const std::vector<rows::DataSource>& sources,
               Hasher& hasher) {
  for (const rows::DataSource& source : sources) {
    hasher.add_number(source.files.size());
    for (const std::string& path : source.files) { hasher.add(path).add(hash_file(path)); }
  }
  if (!options.dataset_dir.empty()) { hasher.add(read_file(rows::dataset_info_path(options.dataset_dir))); }
  if (!options.chat_template_path.empty()) { hasher.add(text::given_template(options.chat_template_path)); }
  if (!options.score_fit.empty()) {
    hasher.add_number(1).add(read_file(rows::score_fit_path(options.score_fit)));
  }
}

std::string cache_key(const rows::DataOptions& options, const std::vector<rows::DataSource>& sources,
                      const text::Encoder& encoder, const std::vector<Unit>& accepted) {
  Hasher hasher;
  hasher.add_number(kVersion).add(UNA_VERSION).add(settings_text(options)).add_number(options.mixture_seed);
  rows::ReadReport fits;
  fits.score_fits = options.score_fits;
  hasher.add(dump_json(report_json(fits))).add(encoder.model().content_hash);
  hasher.add_number(static_cast<std::uint64_t>(encoder.model().eos_id))
      .add_number(encoder.options().end_chat_answers ? 1 : 0)
      .add_number(static_cast<std::uint64_t>(encoder.model().embedding_rows));
  for (const std::int32_t id : encoder.model().other_end_ids) {
    hasher.add_number(static_cast<std::uint64_t>(id));
  }
  for (const Unit unit : accepted) { hasher.add(unit_name(unit)); }
  add_files(options, sources, hasher);
  return hasher.hex();
}

class StoreSink final : public RowSink {
 public:
  StoreSink(const std::string& path, const std::string& shown) : writer_(path, shown) {}
  void add(std::int64_t slot, Row row) override { writer_.add(slot, row); }
  RowStoreWriter& writer() { return writer_; }

 private:
  RowStoreWriter writer_;
};

// The rows are opened before the file gets its name: another process may trim the folder right afterwards.
StoredRows make_cache(const std::string& path, const rows::DataOptions& options, const text::Encoder& encoder,
                      const std::vector<Unit>& accepted) {
  StoredRows stored;
  write_file_with(path, [&](const std::string& temporary) {
    rows::ReadReport report;
    rows::DropLog drops;
    StoreSink sink(temporary, path);
    load_rows(options, encoder, accepted, true, sink, report, drops);
    report.dropped = drops.by_reason();
    sink.writer().finish(std::move(report), drops.text());
    stored = open_row_store(temporary, path);
  });
  stored.file->hold();
  const std::string folder = std::filesystem::path(path).parent_path().string();
  trim_cache_folder(folder, path, static_cast<std::uint64_t>(options.dataset_cache_gb * 1073741824.0));
  return stored;
}

std::optional<StoredRows> open_if_whole(const std::string& path) {
  if (!is_file(path)) { return std::nullopt; }
  try {
    touch_file(path);
    StoredRows stored = open_row_store(path, path);
    stored.file->hold();
    return stored;
  } catch (const InputError& error) {
    log_warning(cat(error.what(), " (it is made again now)"));
    return std::nullopt;
  }
}

}  // namespace

std::string row_cache_path(const rows::DataOptions& options, const text::Encoder& encoder,
                           const std::vector<Unit>& accepted) {
  check_input(options.dataset_cache_gb > 0, "--dataset_cache_gb must be above 0");
  if (options.dataset_cache_dir == "none" || encoder.model().content_hash.empty()) { return ""; }
  const std::vector<rows::DataSource> sources = rows::find_sources(options);
  const std::string folder = cache_folder(options, sources);
  return folder.empty() ? "" : cat(folder, "/", cache_key(options, sources, encoder, accepted), ".rows");
}

std::unique_ptr<Dataset> load_cached(const std::string& path, const rows::DataOptions& options,
                                     const text::Encoder& encoder, const std::vector<Unit>& accepted,
                                     const std::string& dropped_path) {
  std::optional<StoredRows> stored = open_if_whole(path);
  if (stored) {
    log_info(cat("rows       from the cache ", path));
  } else {
    stored = make_cache(path, options, encoder, accepted);
    log_info(cat("rows       tokenised into the cache ", path));
  }
  if (!dropped_path.empty()) { write_file(dropped_path, stored->dropped); }
  rows::check_dropped(stored->dataset->report(), stored->dropped, options.allow_dropped);
  return std::move(stored->dataset);
}

}  // namespace una::data::detail

namespace una::data {

bool wants_row_cache(const rows::DataOptions& options) {
  if (options.dataset_cache_dir != "auto") { return options.dataset_cache_dir != "none"; }
  return !user_cache_folder().empty() && detail::are_large(rows::find_sources(options));
}

}  // namespace una::data
