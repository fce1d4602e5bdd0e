#include "una/rows/files/row_files.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <new>
#include <set>
#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_text.h"
#include "una/base/parallel.h"
#include "una/base/utf8.h"
#include "una/containers/csv.h"
#include "una/containers/file_bytes.h"
#include "una/containers/json_array.h"
#include "una/containers/parquet_rows.h"
#include "una/rows/schemas/fields.h"

namespace una::rows {
namespace {

namespace fs = std::filesystem;

struct Line {
  std::string_view text;
  std::int64_t number = 0;
};

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
  check_input(outline.keys <= kMostJsonKeys, where, ": more than ", kMostJsonKeys, " fields in one object");
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
                       "\" occurs twice; remove one or rename it"));
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
  explicit LineCursor(containers::FileBytes& file) : file_(file) {}
  std::vector<Line> next(std::size_t most) {
    file_.skip(std::exchange(used_, 0));
    std::vector<Place> places;
    while (places.size() < most && used_ < containers::kChunkBytes) {
      const std::size_t end = file_.line_end(used_), begin = std::exchange(used_, end);
      if (begin == end) { break; }
      file_.check_row(end - begin, ++number_);
      if (!trim(text(begin, end)).empty()) {
        places.push_back({begin, end, number_});
        blank_ = 0;
      } else if (places.empty()) {
        file_.skip(std::exchange(used_, 0));
        file_.check_row(blank_ += end - begin, number_);
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

  containers::FileBytes& file_;
  std::size_t used_ = 0, blank_ = 0;  // bytes: of file_.bytes(), and of blank lines since the last row
  std::int64_t number_ = 0;
};

constexpr std::size_t kChunk = 1024;  // rows in memory at once
// Bytes of a broken JSON array that is parsed as a whole, so that the line of the fault is known.
constexpr std::size_t kDiagnosed = std::size_t{16} << 20;

// A thumb that is null, where nothing else is, is missing if the file has shown such thumbs: the row is left out.
// In a file without them the column means nothing, and the answers are demonstrations.
class MissingMarks {
 public:
  explicit MissingMarks(std::string column) : ground_truth_(std::move(column)) {}

  void settle(ReadRow& row) {
    if (!row.mark.empty() && marked_.insert(row.mark).second) { check_earlier(row); }
    if (row.missing.empty() || row.missing == ground_truth_) { return; }
    if (marked_.count(row.missing) > 0) {
      row.example.unit = Unit::kBinary;  // without a label, which leaves it out
    } else {
      unmarked_.try_emplace(row.missing, row.example.where);
    }
  }

 private:
  void check_earlier(const ReadRow& row) const {
    const auto earlier = unmarked_.find(row.mark);
    if (earlier == unmarked_.end()) { return; }
    throw InputError(
        cat(earlier->second.text(), ": field \"", row.mark, "\" is null, but ", row.example.where.text(),
            " has one; if it is missing in the first row, take that row away, and if that row is a "
            "demonstration, write it to a file of its own"));
  }

  std::string ground_truth_;
  std::set<std::string> marked_;
  std::map<std::string, Where> unmarked_;  // the first of each
};

std::string names_of(const Json& row) {
  std::vector<std::string> names;
  for (const auto& [name, value] : row.items()) { names.push_back(name); }
  return join(names, ", ");
}

// Rows as they are in the file.
struct PlainMaker {
  using Made = JsonRow;

  Made make(const std::string&, Json json, const Where& where, bool) const {
    return {std::move(json), where};
  }
  void settle(const std::vector<Made>&) const {}
  std::string column(const std::string& name) const { return name; }
  Json complete(const containers::ParquetRows&, Json json) const { return json; }
};

// Rows with their shape recognised.
struct RowMaker {
  using Made = ReadRow;
  const DataOptions& options;
  const DatasetEntry* entry;  // how dataset_info.json describes the rows, or nullptr
  ReadPass& pass;
  bool note_fields = pass.fields.empty() && !pass.renames.empty();
  RowOptions row_options{options.apply_chat_template, words::LabelValues(options.label_values),
                         options.ground_truth_column, options.prompts_only};
  MissingMarks missing{options.ground_truth_column};

  // `first`: of the file. From any thread.
  Made make(const std::string& path, Json json, const Where& where, bool first) const {
    if (note_fields && first && json.is_object()) { pass.fields = names_of(json); }
    pass.renames.apply(json);
    std::optional<std::string> truth = ground_truth_of({json, where}, options.ground_truth_column);
    std::vector<std::string> unread;
    if (entry != nullptr) {
      Json ours = entry->row(json, where);
      unread = entry->unread(json, where);
      json = std::move(ours);
    }
    // {"prompt", "answer"}: with a field of this name the row's shape would be ambiguous.
    if (truth && entry == nullptr && !fits_any_shape(json)) { json.erase(options.ground_truth_column); }
    ReadRow row = read_row(std::move(json), where, row_options);
    if (row.example.source.empty()) {
      row.example.source =
          entry != nullptr ? entry->name() : fs::path(containers::unpacked_name(path)).stem().string();
    }
    row.example.ground_truth = std::move(truth);
    row.unread.insert(row.unread.end(), unread.begin(), unread.end());
    return row;
  }

  // What needs the rows in order.
  void settle(std::vector<Made>& rows) {
    for (ReadRow& row : rows) { missing.settle(row); }
  }
  std::string column(const std::string& name) const { return pass.renames.of_column(name); }
  Json complete(const containers::ParquetRows& parquet, Json json) const {
    return parquet.with_nulls(std::move(json));
  }
};

template <class Maker>
struct FileReader {
  using Made = typename Maker::Made;
  Maker& maker;
  const std::function<void(std::vector<Made> rows, double done)>& take;
  std::size_t room;  // rows to read yet
  const DataOptions& options;
  std::size_t row_bytes = static_cast<std::size_t>(options.max_row_mb) << 20U;
  bool first = true;  // no row of the file has been made yet

  void read(const std::string& path) {
    containers::FileBytes file(path, row_bytes);
    const std::string name = containers::unpacked_name(path);
    const std::string_view bytes = file.bytes();
    check_input(!starts_with(bytes, "\xFF\xFE") && !starts_with(bytes, "\xFE\xFF"), path,
                ": the text is UTF-16; save the file in UTF-8");
    check_input(!starts_with(bytes, "PK\x03\x04") && !starts_with(bytes, "\xD0\xCF\x11\xE0"), path,
                ": an Excel workbook or an archive; export the sheet as CSV (UTF-8), or unpack it");
    if (starts_with(bytes, "PAR1")) { return read_parquet(path); }
    if (ends_with(name, ".csv") || ends_with(name, ".tsv")) {
      read_csv(file, path);
    } else if (starts_with(trim(bytes.substr(0, kBegin)), "[")) {
      read_array(file, path);
    } else {
      read_lines(file, path);
    }
  }

 private:
  // `count` rows that `parse(i, where)` gives as JSON; `line(i)` is their number in the file.
  template <class Parse, class LineNumber>
  std::vector<Made> make_rows(const std::string& path, std::size_t count, const Parse& parse,
                              const LineNumber& line) {
    std::vector<Made> rows(count);
    const bool begins = std::exchange(first, false);
    for_each_index(count, [&](std::size_t i) {
      const Where where{path, line(i)};
      rows[i] = maker.make(path, parse(i, where), where, begins && i == 0);
    });
    maker.settle(rows);
    return rows;
  }

  void hand_on(std::vector<Made> rows, double done) {
    room -= rows.size();
    take(std::move(rows), done);
  }

  // Damage in packed data may come to light at their end only, by a checksum: it is to blame then, not the
  // row that cannot be read.
  template <class Act>
  static void blame_damage(containers::FileBytes& file, const Act& act) {
    try {
      act();
    } catch (const InputError&) {
      file.check_rest();
      throw;
    }
  }

  void read_csv(containers::FileBytes& file, const std::string& path) {
    blame_damage(file, [&] {
      containers::CsvReader reader(file, path, options.csv_delimiter);
      std::vector<std::string> names;
      for (const std::string& name : reader.header()) { names.push_back(maker.column(name)); }
      const containers::CsvColumns columns(reader.header(), names, reader.delimiter() == ';');
      while (room > 0) {
        const std::vector<containers::CsvRow> rows = reader.next(std::min(kChunk, room));
        if (rows.empty()) { return; }
        hand_on(make_rows(
                    path, rows.size(), [&](std::size_t i, const Where&) { return columns.object(rows[i]); },
                    [&](std::size_t i) { return rows[i].line; }),
                file.done(0));
      }
    });
  }

  void read_array(containers::FileBytes& file, const std::string& path) {
    containers::ArrayCursor cursor(file, path);
    for (std::int64_t before = 0; room > 0;) {
      std::vector<Made> rows;
      try {
        const std::vector<std::string_view> elements = cursor.next(std::min(kChunk, room));
        rows = make_rows(
            path, elements.size(),
            [&](std::size_t i, const Where& where) { return parse_line(elements[i], where); },
            [&](std::size_t i) { return before + static_cast<std::int64_t>(i) + 1; });
      } catch (const InputError&) {
        containers::FileBytes again(path, row_bytes);
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
    containers::ParquetRows parquet(path, row_bytes);
    std::int64_t number = 0;
    while (room > 0) {
      const std::string text = parquet.next();
      const std::vector<Line> lines = lines_of(text, room);
      if (lines.empty()) { return; }
      const std::int64_t before = std::exchange(number, number + std::ssize(lines));
      hand_on(make_rows(
                  path, lines.size(),
                  [&](std::size_t i, const Where& where) {
                    return maker.complete(parquet, parse_line(lines[i].text, where));
                  },
                  [&](std::size_t i) { return before + static_cast<std::int64_t>(i) + 1; }),
              static_cast<double>(number) / static_cast<double>(parquet.size()));
    }
  }

  void read_lines(containers::FileBytes& file, const std::string& path) {
    LineCursor cursor(file);
    while (room > 0) {
      const std::vector<Line> lines = cursor.next(std::min(kChunk, room));
      if (lines.empty()) { return; }
      std::vector<Made> rows;
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

// Where memory runs out the file is named: no key of training helps.
template <class Reader>
void read_in_memory(Reader reader, const std::string& path) {
  try {
    reader.read(path);
  } catch (const std::bad_alloc&) {
    throw InputError(cat(path,
                         ": not enough memory for its rows; fewer (--max_rows) or rows on disk "
                         "(--dataset_cache_dir) help"));
  }
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
  } catch (const Json::exception& error) { bad_number(where.text(), error); }
}

void read_file_rows(const std::string& path, const DatasetEntry* entry, const DataOptions& options,
                    std::int64_t most, ReadPass& pass, const TakeRows& take) {
  RowMaker maker{options, entry, pass};
  read_in_memory(FileReader<RowMaker>{maker, take, static_cast<std::size_t>(most), options}, path);
}

void read_plain_rows(const std::string& path, std::int64_t most, const TakePlainRows& take,
                     const DataOptions& options) {
  PlainMaker maker;
  read_in_memory(FileReader<PlainMaker>{maker, take, static_cast<std::size_t>(most), options}, path);
}

}  // namespace una::rows
