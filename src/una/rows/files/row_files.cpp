#include "una/rows/files/row_files.h"

#include <algorithm>
#include <filesystem>
#include <new>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_text.h"
#include "una/base/option_checks.h"
#include "una/base/parallel.h"
#include "una/base/utf8.h"
#include "una/rows/files/csv.h"
#include "una/rows/files/file_bytes.h"
#include "una/rows/files/json_array.h"
#include "una/rows/files/parquet_rows.h"
#include "una/rows/schemas/fields.h"

namespace una::rows {
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
    check_input(parts.size() == 2 && !parts[0].empty() && !parts[1].empty(), "--columns: \"", entry,
                "\" is not ours=theirs, for example prompt=question");
    out.push_back({parts[0], parts[1]});
  }
  return out;
}

void rename_columns(Json& row, const std::vector<Rename>& renames) {
  if (!row.is_object()) { return; }
  for (const Rename& rename : renames) {
    const auto found = row.find(rename.theirs);
    if (found == row.end()) { continue; }
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
      if (c == '\\' && i + 1 < text.size()) { out += text[++i]; }
      if (c == '"') { in_string = false; }
      continue;
    }
    in_string = c == '"';
    const std::string_view rest = std::string_view(text).substr(i);
    std::size_t length = 0;
    for (const std::string_view word : {"-Infinity", "Infinity", "NaN"}) {
      if (starts_with(rest, word)) { length = word.size(); }
    }
    changed = changed || length > 0;
    out += length > 0 ? std::string("null") : std::string(1, c);
    if (length > 0) { i += length - 1; }
  }
  text = std::move(out);
  return changed;
}

// What the parser would pass over (a NUL byte ends its text), say badly, or not survive.
void check_text(std::string_view text, const JsonOutline& outline, const std::string& where) {
  check_input(text.find('\0') == text.npos, where, ": a NUL byte; the file is damaged");
  check_input(!outline.too_deep, where, ": not valid JSON: nested too deeply");
  check_input(outline.values <= kMostJsonValues, where, ": more than ", kMostJsonValues,
              " values in one row; is a line break missing?");
}

void check_utf8(std::string_view text, const std::string& where) {
  check_input(find_invalid_utf8(text) == text.npos, where,
              ": the text is not valid UTF-8; save the file in UTF-8");
}

// The last of two values would hold, and the other be lost without a word.
void check_keys(std::string_view text, const Json& value, std::int64_t members, const Where& where) {
  const std::optional<DuplicateKey> twice = find_duplicate_key(text, value, members);
  if (!twice) { return; }
  throw InputError(cat(Where{where.file, where.line + twice->element}.text(), ": field \"", twice->key,
                       "\" stands twice; take one away or rename it"));
}

// Says what is wrong with a list: the place in it is told by its lines.
void check_array(std::string_view bytes, const std::string& path) {
  const JsonOutline outline = outline_json(bytes);
  check_text(bytes, outline, path);
  std::string text(bytes);
  for (int attempt = 0;; ++attempt) {
    try {
      check_keys(text, Json::parse(text), outline.members, {path, 1});
      return;
    } catch (const Json::parse_error& error) {
      if (attempt == 0 && nulls_for_nonfinite(text)) { continue; }
      const std::string_view before = std::string_view(text).substr(0, error.byte > 0 ? error.byte - 1 : 0);
      const std::int64_t line = 1 + std::count(before.begin(), before.end(), '\n');
      const std::size_t newline = before.rfind('\n');
      check_utf8(text, cat(path, ":", line));
      bad_json({path, line}, before.size() - (newline == before.npos ? 0 : newline + 1) + 1,
               syntax_problem(error));
    } catch (const Json::exception& error) { bad_number(path, error); }
  }
}

constexpr std::size_t kBegin = 4096;  // bytes in which a file's first character is sought

std::vector<Line> lines_of(std::string_view text, std::size_t most) {
  std::vector<Line> lines;
  while (!text.empty() && lines.size() < most) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back({text.substr(0, end), std::ssize(lines) + 1});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// The lines of JSONL that hold something, a few at a time; those of the last call are valid.
class LineCursor {
 public:
  LineCursor(FileBytes& file, const std::string& path, RowLimit limit)
      : file_(file), path_(path), limit_(limit) {}
  std::vector<Line> next(std::size_t most) {
    file_.skip(std::exchange(used_, 0));
    std::vector<Place> places;
    while (places.size() < most && used_ < kChunkBytes) {
      const std::size_t end = file_.line_end(used_, limit_.bytes), begin = std::exchange(used_, end);
      if (begin == end) { break; }
      limit_.check(end - begin, path_, ++number_);
      if (!trim(text(begin, end)).empty()) {
        places.push_back({begin, end, number_});
        blank_ = 0;
      } else if (places.empty()) {
        file_.skip(std::exchange(used_, 0));
        limit_.check(blank_ += end - begin, path_, number_);
      }
    }
    std::vector<Line> lines;
    lines.reserve(places.size());
    for (const Place& place : places) { lines.push_back({text(place.begin, place.end), place.number}); }
    return lines;
  }

  double done() const { return file_.done(used_); }  // which share of the file, with these lines

 private:
  struct Place {  // text may move while more of it is unpacked
    std::size_t begin, end;
    std::int64_t number;
  };
  std::string_view text(std::size_t begin, std::size_t end) const {
    const std::string_view line = file_.bytes().substr(begin, end - begin);
    return line.ends_with('\n') ? line.substr(0, line.size() - 1) : line;
  }

  FileBytes& file_;
  const std::string& path_;
  RowLimit limit_;
  std::size_t used_ = 0, blank_ = 0;  // bytes: of file_.bytes(), and of blank lines since the last row
  std::int64_t number_ = 0;
};

constexpr std::size_t kChunk = 1024;  // rows in memory at once
// Bytes of a broken JSON array that is parsed as a whole, so that the line of the fault is known.
constexpr std::size_t kDiagnosed = std::size_t{16} << 20;

struct FileReader {
  const DataOptions& options;
  const DatasetEntry* entry;  // how dataset_info.json describes the rows, or nullptr
  const TakeRows& take;
  std::size_t room;  // rows to read yet
  std::vector<Rename> renames = parse_columns(options.columns);
  RowLimit limit{static_cast<std::size_t>(options.max_row_mb) << 20U};

  void read(const std::string& path) {
    FileBytes file(path);
    const std::string name = unpacked_name(path);
    check_input(!starts_with(file.bytes(), "\xFF\xFE") && !starts_with(file.bytes(), "\xFE\xFF"), path,
                ": the text is UTF-16; save the file in UTF-8");
    if (starts_with(file.bytes(), "PAR1")) { return read_parquet(path); }
    if (ends_with(name, ".csv") || ends_with(name, ".tsv")) {
      read_csv(file, path, ends_with(name, ".tsv") ? '\t' : ',');
    } else if (starts_with(trim(file.bytes().substr(0, kBegin)), "[")) {
      read_array(file, path);
    } else {
      read_lines(file, path);
    }
  }

 private:
  // `count` rows that `parse(i, where)` gives as JSON; `line(i)` is their number in the file.
  template <class Parse, class LineNumber>
  std::vector<ReadRow> make_rows(const std::string& path, std::size_t count, const Parse& parse,
                                 const LineNumber& line) const {
    const std::string name = entry != nullptr ? entry->name() : fs::path(unpacked_name(path)).stem().string();
    std::vector<ReadRow> rows(count);
    for_each_index(count, [&](std::size_t i) {
      const Where where{path, line(i)};
      Json json = parse(i, where);
      rename_columns(json, renames);
      std::optional<std::string> truth = ground_truth_of({json, where}, options.ground_truth_column);
      if (entry != nullptr) { json = entry->row(json, where); }
      // {"prompt", "answer"}: a field of this name would be an answer of nobody knows which shape.
      if (truth && entry == nullptr && !fits_any_shape(json)) { json.erase(options.ground_truth_column); }
      rows[i] = read_row(json, where, options.apply_chat_template);
      if (rows[i].example.source.empty()) { rows[i].example.source = name; }
      rows[i].example.ground_truth = std::move(truth);
    });
    return rows;
  }

  void hand_on(std::vector<ReadRow> rows, double done) {
    room -= rows.size();
    take(std::move(rows), done);
  }

  // Damage in packed data may come to light at their end only, by a checksum: it is to blame then, not the
  // row that cannot be read.
  template <class Act>
  static void blame_damage(FileBytes& file, const Act& act) {
    try {
      act();
    } catch (const InputError&) {
      file.check_rest();
      throw;
    }
  }

  // Twice through the file: a column's type is known at its end.
  void read_csv(FileBytes& file, const std::string& path, char delimiter) {
    std::optional<CsvColumns> columns;
    blame_damage(file, [&] { columns = columns_of(file, path, delimiter); });
    FileBytes again(path);
    CsvReader reader(again, path, delimiter, limit);
    while (room > 0) {
      const std::vector<CsvRow> rows = reader.next(std::min(kChunk, room));
      if (rows.empty()) { return; }
      hand_on(make_rows(
                  path, rows.size(), [&](std::size_t i, const Where&) { return columns->object(rows[i]); },
                  [&](std::size_t i) { return rows[i].line; }),
              again.done(0));
    }
  }

  CsvColumns columns_of(FileBytes& file, const std::string& path, char delimiter) const {
    CsvReader reader(file, path, delimiter, limit);
    std::vector<std::string> names = reader.header();
    for (std::string& name : names) {
      for (const Rename& rename : renames) { name = name == rename.theirs ? rename.ours : name; }
    }
    CsvColumns columns(std::move(names));
    for (std::vector<CsvRow> rows = reader.next(kChunk); !rows.empty(); rows = reader.next(kChunk)) {
      for (const CsvRow& row : rows) { columns.see(row); }
    }
    return columns;
  }

  void read_array(FileBytes& file, const std::string& path) {
    ArrayCursor cursor(file, path, limit);
    for (std::int64_t before = 0; room > 0;) {
      std::vector<ReadRow> rows;
      try {
        const std::vector<std::string_view> elements = cursor.next(std::min(kChunk, room));
        rows = make_rows(
            path, elements.size(),
            [&](std::size_t i, const Where& where) { return parse_line(elements[i], where); },
            [&](std::size_t i) { return before + static_cast<std::int64_t>(i) + 1; });
      } catch (const InputError&) {
        FileBytes again(path);
        while (again.bytes().size() <= kDiagnosed && again.more()) {}
        if (again.bytes().size() <= kDiagnosed) { check_array(again.bytes(), path); }
        throw;
      }
      if (rows.empty()) { return; }
      before += std::ssize(rows);
      hand_on(std::move(rows), cursor.done());
    }
  }

  void read_parquet(const std::string& path) {
    ParquetRows parquet(path);
    std::int64_t number = 0;
    while (room > 0) {
      const std::string text = parquet.next();
      const std::vector<Line> lines = lines_of(text, room);
      if (lines.empty()) { return; }
      const std::int64_t before = std::exchange(number, number + std::ssize(lines));
      hand_on(make_rows(
                  path, lines.size(),
                  [&](std::size_t i, const Where& where) { return parse_line(lines[i].text, where); },
                  [&](std::size_t i) { return before + static_cast<std::int64_t>(i) + 1; }),
              static_cast<double>(number) / static_cast<double>(parquet.size()));
    }
  }

  void read_lines(FileBytes& file, const std::string& path) {
    LineCursor cursor(file, path, limit);
    while (room > 0) {
      const std::vector<Line> lines = cursor.next(std::min(kChunk, room));
      if (lines.empty()) { return; }
      std::vector<ReadRow> rows;
      blame_damage(file, [&] {
        rows = make_rows(
            path, lines.size(),
            [&](std::size_t i, const Where& where) { return parse_line(lines[i].text, where); },
            [&](std::size_t i) { return lines[i].number; });
      });
      hand_on(std::move(rows), cursor.done());
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
  } catch (const Json::exception& error) { bad_number(where.text(), error); }
}

void read_file_rows(const std::string& path, const DatasetEntry* entry, const DataOptions& options,
                    std::int64_t most, const TakeRows& take) {
  check_count("max_row_mb", options.max_row_mb, 1, 1'000'000);
  try {
    FileReader{options, entry, take, static_cast<std::size_t>(most)}.read(path);
  } catch (const std::bad_alloc&) {
    throw InputError(
        cat(path,
            ": not enough memory for its rows; shorter ones (--max_row_mb), fewer (--max_rows) or rows on "
            "disk (--dataset_cache_dir) help"));
  }
}

}  // namespace una::rows
