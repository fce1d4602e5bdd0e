#include "una/data/row_files.h"

#include <algorithm>
#include <exception>
#include <filesystem>
#include <iterator>
#include <thread>
#include <utility>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_text.h"
#include "una/base/utf8.h"
#include "una/data/csv.h"
#include "una/data/fields.h"
#include "una/data/file_bytes.h"
#include "una/data/mixture.h"
#include "una/data/sources.h"
#include "una/data/split.h"

namespace una::data::detail {
namespace {

namespace fs = std::filesystem;

struct Line {
  std::string_view text;
  std::int64_t number = 0;
};

struct Rename {
  std::string ours, theirs;
};

std::vector<Rename> parse_columns(const std::vector<std::string>& columns) {
  std::vector<Rename> out;
  for (const std::string& entry : columns) {
    const std::vector<std::string> parts = split(entry, '=');
    check_input(parts.size() == 2 && !parts[0].empty() && !parts[1].empty(),
                cat("--columns: \"", entry, "\" is not ours=theirs, for example prompt=question"));
    out.push_back({parts[0], parts[1]});
  }
  return out;
}

void rename_columns(Json& row, const std::vector<Rename>& renames) {
  if (!row.is_object()) return;
  for (const Rename& rename : renames) {
    const auto found = row.find(rename.theirs);
    if (found == row.end()) continue;
    Json value = std::move(*found);
    row.erase(rename.theirs);
    row[rename.ours] = std::move(value);
  }
}

// nlohmann's sentence without its code and position, which we give as file:line and column.
std::string syntax_problem(const Json::parse_error& error) {
  const std::string text = error.what();
  const std::size_t at = text.find("column");
  const std::size_t colon = at == std::string::npos ? text.find("] ") : text.find(": ", at);
  return colon == std::string::npos ? text : text.substr(colon + 2);
}

[[noreturn]] void bad_json(const Where& where, std::size_t column, const std::string& problem) {
  throw InputError(cat(where.text(), ": not valid JSON at column ", column, ": ", problem));
}

// What the parser refuses though it is JSON: a number beyond double.
[[noreturn]] void bad_number(const std::string& where, const Json::exception& error) {
  throw InputError(cat(where, ": not valid JSON: ", json_reason(error)));
}

// NaN, Infinity and -Infinity outside strings -> null. False when there is none.
bool nulls_for_nonfinite(std::string& text) {
  std::string out;
  bool changed = false, in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      out += c;
      if (c == '\\' && i + 1 < text.size()) out += text[++i];
      if (c == '"') in_string = false;
      continue;
    }
    in_string = c == '"';
    const std::string_view rest = std::string_view(text).substr(i);
    std::size_t length = 0;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
      if (starts_with(rest, word)) length = word.size();
    }
    changed = changed || length > 0;
    out += length > 0 ? std::string("null") : std::string(1, c);
    if (length > 0) i += length - 1;
  }
  text = std::move(out);
  return changed;
}

std::vector<Line> split_lines(std::string_view bytes) {
  std::vector<Line> lines;
  std::int64_t number = 0;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find('\n'), bytes.size());
    ++number;
    const std::string_view text = bytes.substr(0, end);
    if (!trim(text).empty()) lines.push_back({text, number});
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  return lines;
}

// `read(i)` for 0 <= i < count on all cores; of several errors the first row's is thrown.
template <class Read>
void for_rows(std::size_t count, const Read& read) {
  constexpr std::size_t kSmall = 64;  // rows a thread should have at least
  const auto cpus = static_cast<std::size_t>(std::max(1, available_cpus()));
  const std::size_t parts = std::clamp<std::size_t>(count / kSmall, 1, cpus);
  std::vector<std::exception_ptr> errors(parts);
  const auto work = [&](std::size_t part) {
    try {
      for (std::size_t i = count * part / parts; i < count * (part + 1) / parts; ++i) read(i);
    } catch (...) {
      errors[part] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t part = 1; part < parts; ++part) threads.emplace_back(work, part);
  work(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

// What the parser would pass over (a NUL byte ends its text), say badly, or not survive.
void check_text(std::string_view text, const JsonOutline& outline, const std::string& where) {
  check_input(text.find('\0') == text.npos, cat(where, ": a NUL byte; the file is damaged"));
  check_input(!outline.too_deep, cat(where, ": not valid JSON: nested too deeply"));
}

void check_utf8(std::string_view text, const std::string& where) {
  check_input(find_invalid_utf8(text) == text.npos,
              cat(where, ": the text is not valid UTF-8; save the file in UTF-8"));
}

// The last of two values would hold, and the other be lost without a word.
void check_keys(std::string_view text, const Json& value, std::int64_t members, const Where& where) {
  const std::optional<DuplicateKey> twice = find_duplicate_key(text, value, members);
  if (!twice) return;
  throw InputError(cat(Where{where.file, where.line + twice->element}.text(), ": field \"", twice->key,
                       "\" stands twice; take one away or rename it"));
}

Json parse_array(std::string_view bytes, const std::string& path) {
  const JsonOutline outline = outline_json(bytes);
  check_text(bytes, outline, path);
  std::string text(bytes);
  for (int attempt = 0;; ++attempt) {
    try {
      Json array = Json::parse(text);
      check_keys(text, array, outline.members, {path, 1});
      return array;
    } catch (const Json::parse_error& error) {
      if (attempt == 0 && nulls_for_nonfinite(text)) continue;
      const std::string_view before = std::string_view(text).substr(0, error.byte > 0 ? error.byte - 1 : 0);
      const std::int64_t line = 1 + std::count(before.begin(), before.end(), '\n');
      const std::size_t newline = before.rfind('\n');
      check_utf8(text, cat(path, ":", line));
      bad_json({path, line}, before.size() - (newline == before.npos ? 0 : newline + 1) + 1,
               syntax_problem(error));
    } catch (const Json::exception& error) {
      bad_number(path, error);
    }
  }
}

constexpr std::size_t kBegin = 4096;  // bytes in which a file's first character is sought

struct FileReader {
  const DataOptions& options;
  std::vector<Rename> renames;
  std::int64_t most = 0;  // rows to read; 0: all
  std::vector<ReadRow> rows = {};
  const DatasetEntry* entry = nullptr;  // describes the rows of the source that is read

  std::size_t room() const { return most <= 0 ? SIZE_MAX : static_cast<std::size_t>(most) - rows.size(); }

  void read(const DataSource& source) {
    entry = source.entry ? &*source.entry : nullptr;
    for (const std::string& path : source.files) {
      if (room() == 0) break;
      read(path);
    }
  }

  // Grows `rows` by `count` rows that `parse(i)` gives as JSON; `line(i)` is their number in the file.
  template <class Parse, class LineNumber>
  void add(const std::string& path, std::size_t count, const Parse& parse, const LineNumber& line) {
    const std::size_t base = rows.size();
    const std::string name = entry != nullptr ? entry->name() : fs::path(unpacked_name(path)).stem().string();
    rows.resize(base + count);
    for_rows(count, [&](std::size_t i) {
      const Where where{path, line(i)};
      Json json = parse(i, where);
      rename_columns(json, renames);
      std::optional<std::string> truth = ground_truth_of({json, where}, options.ground_truth_column);
      if (entry != nullptr) json = entry->row(json, where);
      // {"prompt", "answer"}: a field of this name would be an answer of nobody knows which shape.
      if (truth && entry == nullptr && !fits_any_shape(json)) json.erase(options.ground_truth_column);
      ReadRow& row = rows[base + i];
      row = read_row(json, where, options.apply_chat_template);
      if (row.example.source.empty()) row.example.source = name;
      row.example.ground_truth = std::move(truth);
    });
  }

  void read(const std::string& path) {
    const FileBytes file(path);
    const std::string name = unpacked_name(path);
    check_input(!starts_with(file.bytes(), "\xFF\xFE") && !starts_with(file.bytes(), "\xFE\xFF"),
                cat(path, ": the text is UTF-16; save the file in UTF-8"));
    check_input(!starts_with(file.bytes(), "PAR1"),
                cat(path,
                    ": a Parquet file; write it as JSONL, for example by pandas: "
                    "read_parquet(FILE).to_json(\"rows.jsonl\", orient=\"records\", lines=True)"));
    if (ends_with(name, ".csv") || ends_with(name, ".tsv")) {
      read_csv(file.bytes(), path, ends_with(name, ".tsv") ? '\t' : ',');
    } else if (starts_with(trim(file.bytes().substr(0, kBegin)), "[")) {
      read_array(file.bytes(), path);
    } else {
      read_lines(file.bytes(), path);
    }
  }

  void read_csv(std::string_view bytes, const std::string& path, char delimiter) {
    const std::size_t bad = std::min(find_invalid_utf8(bytes), bytes.size());
    check_utf8(bytes, cat(path, ":", 1 + std::count(bytes.begin(), bytes.begin() + bad, '\n')));
    CsvTable table = parse_csv(bytes, path, delimiter);
    for (std::string& column : table.header) {
      for (const Rename& rename : renames) column = column == rename.theirs ? rename.ours : column;
    }
    std::vector<Json> objects = csv_objects(table);
    add(
        path, std::min(objects.size(), room()),
        [&](std::size_t i, const Where&) { return std::move(objects[i]); },
        [&](std::size_t i) { return table.lines[i]; });
  }

  void read_array(std::string_view bytes, const std::string& path) {
    Json array = parse_array(bytes, path);
    const auto item = [&](std::size_t i, const Where&) { return std::move(array[i]); };
    add(path, std::min(array.size(), room()), item,
        [](std::size_t i) { return static_cast<std::int64_t>(i) + 1; });
  }

  void read_lines(std::string_view bytes, const std::string& path) {
    const std::vector<Line> lines = split_lines(bytes);
    add(
        path, std::min(lines.size(), room()),
        [&](std::size_t i, const Where& where) { return parse_line(lines[i].text, where); },
        [&](std::size_t i) { return lines[i].number; });
  }
};

std::vector<ReadRow> slice_rows(std::vector<ReadRow> rows, const std::string& split, std::int64_t most) {
  if (is_whole(split)) return rows;
  auto [begin, end] = slice_of(split, std::ssize(rows));
  if (most > 0) end = std::min(end, begin + most);
  return {std::make_move_iterator(rows.begin() + begin), std::make_move_iterator(rows.begin() + end)};
}

std::vector<ReadRow> read_in_order(const DataOptions& options, const std::vector<DataSource>& sources) {
  const std::string& part = options.dataset_train_split;
  FileReader reader{options, parse_columns(options.columns), is_whole(part) ? options.max_rows : 0};
  for (const DataSource& source : sources) {
    if (reader.room() > 0) reader.read(source);
  }
  check_input(!reader.rows.empty(), cat(join(options.dataset_name, ", "), ": no rows in it"));
  return slice_rows(std::move(reader.rows), part, options.max_rows);
}

std::vector<ReadRow> read_mixture(const DataOptions& options, const std::vector<DataSource>& sources,
                                  ReadReport& report) {
  std::vector<std::vector<ReadRow>> parts;
  std::vector<std::int64_t> have;
  std::vector<double> weights;
  for (const DataSource& source : sources) {
    FileReader reader{options, parse_columns(options.columns)};
    reader.read(source);
    check_input(!reader.rows.empty(), cat(source.name, ": no rows in it"));
    parts.push_back(slice_rows(std::move(reader.rows), options.dataset_train_split, 0));
    have.push_back(std::ssize(parts.back()));
    weights.push_back(source.weight.value_or(1));
  }
  const std::vector<std::int64_t> counts = mixture_counts(have, weights, options.max_rows);
  std::vector<ReadRow> rows;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    check_input(counts[i] > 0, cat("--dataset_name: the mixture leaves none of the rows of ", sources[i].name,
                                   ": its weight is too small beside the others, or max_rows is"));
    draw_rows(parts[i], counts[i], options.mixture_seed);
    report.mixture.push_back({sources[i].name, weights[i], counts[i], have[i]});
    std::move(parts[i].begin(), parts[i].end(), std::back_inserter(rows));
  }
  return rows;
}

}  // namespace

Json parse_line(std::string_view line, const Where& where) {
  const JsonOutline outline = outline_json(line);
  check_text(line, outline, where.text());
  try {
    Json row = Json::parse(line.begin(), line.end());
    check_keys(line, row, outline.members, where);
    return row;
  } catch (const Json::parse_error& error) {
    std::string text(line);
    if (nulls_for_nonfinite(text)) {
      Json row =
          Json::parse(text, nullptr, false);  // no exception: the first error is about the user's own text
      if (!row.is_discarded()) {
        check_keys(text, row, outline.members, where);
        return row;
      }
    }
    check_utf8(line, where.text());
    const std::string problem = syntax_problem(error);
    const bool cut = problem.find("unexpected end of input") != problem.npos;
    bad_json(where, error.byte,
             problem + (cut ? "; is the row cut short, or written over several lines?" : ""));
  } catch (const Json::exception& error) {
    bad_number(where.text(), error);
  }
}

std::vector<ReadRow> read_files(const DataOptions& options, ReadReport& report) {
  const std::vector<DataSource> sources = find_sources(options);
  report.mixture.clear();
  return sources.front().weight ? read_mixture(options, sources, report) : read_in_order(options, sources);
}

std::vector<ReadRow> read_files(const DataOptions& options) {
  ReadReport report;
  return read_files(options, report);
}

}  // namespace una::data::detail
