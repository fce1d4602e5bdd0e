#include "una/data/row_files.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_text.h"
#include "una/base/utf8.h"
#include "una/data/csv.h"
#include "una/data/fields.h"
#include "una/data/file_bytes.h"
#include "una/data/parallel_rows.h"
#include "una/data/parquet_rows.h"

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

// The lines of JSONL that hold something, a few at a time.
class LineCursor {
 public:
  explicit LineCursor(std::string_view bytes) : rest_(bytes) {}
  std::vector<Line> next(std::size_t most) {
    std::vector<Line> lines;
    while (!rest_.empty() && lines.size() < most) {
      const std::size_t end = std::min(rest_.find('\n'), rest_.size());
      const std::string_view text = rest_.substr(0, end);
      ++number_;
      if (!trim(text).empty()) lines.push_back({text, number_});
      rest_.remove_prefix(std::min(end + 1, rest_.size()));
    }
    return lines;
  }
  std::size_t left() const { return rest_.size(); }

 private:
  std::string_view rest_;
  std::int64_t number_ = 0;
};

constexpr std::size_t kChunk = 1024;  // rows in memory at once

struct FileReader {
  const DataOptions& options;
  const DatasetEntry* entry;  // how dataset_info.json describes the rows, or nullptr
  const TakeRows& take;
  std::size_t room;  // rows to read yet
  std::vector<Rename> renames = parse_columns(options.columns);

  void read(const std::string& path) {
    const FileBytes file(path);
    const std::string name = unpacked_name(path);
    check_input(!starts_with(file.bytes(), "\xFF\xFE") && !starts_with(file.bytes(), "\xFE\xFF"),
                cat(path, ": the text is UTF-16; save the file in UTF-8"));
    if (starts_with(file.bytes(), "PAR1")) return read_parquet(path);
    if (ends_with(name, ".csv") || ends_with(name, ".tsv")) {
      read_csv(file.bytes(), path, ends_with(name, ".tsv") ? '\t' : ',');
    } else if (starts_with(trim(file.bytes().substr(0, kBegin)), "[")) {
      read_array(file.bytes(), path);
    } else {
      read_lines(file, path);
    }
  }

 private:
  // Hands on `count` rows that `parse(i, where)` gives as JSON; `line(i)` is their number in the file.
  template <class Parse, class LineNumber>
  void hand_on(const std::string& path, std::size_t count, double done, const Parse& parse,
               const LineNumber& line) {
    const std::string name = entry != nullptr ? entry->name() : fs::path(unpacked_name(path)).stem().string();
    std::vector<ReadRow> rows(count);
    for_rows(count, [&](std::size_t i) {
      const Where where{path, line(i)};
      Json json = parse(i, where);
      rename_columns(json, renames);
      std::optional<std::string> truth = ground_truth_of({json, where}, options.ground_truth_column);
      if (entry != nullptr) json = entry->row(json, where);
      // {"prompt", "answer"}: a field of this name would be an answer of nobody knows which shape.
      if (truth && entry == nullptr && !fits_any_shape(json)) json.erase(options.ground_truth_column);
      rows[i] = read_row(json, where, options.apply_chat_template);
      if (rows[i].example.source.empty()) rows[i].example.source = name;
      rows[i].example.ground_truth = std::move(truth);
    });
    room -= count;
    take(std::move(rows), done);
  }

  // The same for a table that is in memory as a whole.
  template <class Parse, class LineNumber>
  void hand_on_all(const std::string& path, std::size_t count, const Parse& parse, const LineNumber& line) {
    const std::size_t all = std::min(count, room);
    for (std::size_t begin = 0; begin < all; begin += kChunk) {
      const std::size_t end = std::min(begin + kChunk, all);
      hand_on(
          path, end - begin, static_cast<double>(end) / static_cast<double>(count),
          [&](std::size_t i, const Where& where) { return parse(begin + i, where); },
          [&](std::size_t i) { return line(begin + i); });
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
    hand_on_all(
        path, objects.size(), [&](std::size_t i, const Where&) { return std::move(objects[i]); },
        [&](std::size_t i) { return table.lines[i]; });
  }

  void read_array(std::string_view bytes, const std::string& path) {
    Json array = parse_array(bytes, path);
    hand_on_all(
        path, array.size(), [&](std::size_t i, const Where&) { return std::move(array[i]); },
        [](std::size_t i) { return static_cast<std::int64_t>(i) + 1; });
  }

  void read_parquet(const std::string& path) {
    ParquetRows parquet(path);
    std::int64_t number = 0;
    while (room > 0) {
      const std::string text = parquet.next();
      std::vector<Line> lines = LineCursor(text).next(room);
      if (lines.empty()) return;
      const std::int64_t before = std::exchange(number, number + std::ssize(lines));
      hand_on(
          path, lines.size(), static_cast<double>(number) / static_cast<double>(parquet.size()),
          [&](std::size_t i, const Where& where) { return parse_line(lines[i].text, where); },
          [&](std::size_t i) { return before + static_cast<std::int64_t>(i) + 1; });
    }
  }

  void read_lines(const FileBytes& file, const std::string& path) {
    LineCursor cursor(file.bytes());
    const auto size = static_cast<double>(std::max<std::size_t>(file.bytes().size(), 1));
    while (room > 0) {
      const std::vector<Line> lines = cursor.next(std::min(kChunk, room));
      if (lines.empty()) return;
      hand_on(
          path, lines.size(), 1 - static_cast<double>(cursor.left()) / size,
          [&](std::size_t i, const Where& where) { return parse_line(lines[i].text, where); },
          [&](std::size_t i) { return lines[i].number; });
      file.release_pages();
    }
  }
};

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

void read_file_rows(const std::string& path, const DatasetEntry* entry, const DataOptions& options,
                    std::int64_t most, const TakeRows& take) {
  FileReader{options, entry, take, static_cast<std::size_t>(most)}.read(path);
}

}  // namespace una::data::detail
