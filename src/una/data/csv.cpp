#include "una/data/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include <csv.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_text.h"

namespace una::data::detail {
namespace {

// libcsv, fed line by line so that each row knows the line where it begins.
class CsvReader {
 public:
  CsvReader(const std::string& path, char delimiter) : path_(path) {
    check(csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) == 0, "libcsv: no parser");
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });
  }
  ~CsvReader() { csv_free(&parser_); }
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  CsvTable read(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size() - 1) + 1;
      ++line_;
      if (!open_) begin_ = line_;
      open_ = open_ || (bytes[0] != '\n' && !starts_with(bytes, "\r\n"));  // a blank line begins no row
      if (csv_parse(&parser_, bytes.data(), end, on_cell, on_row, this) != end) fail();
      bytes.remove_prefix(end);
    }
    if (csv_fini(&parser_, on_cell, on_row, this) != 0) fail();
    check_input(has_header_, cat(path_, ": no header line; the first line must name the columns"));
    check_header();
    check_input(bad_line_ == 0, cat(path_, ":", bad_line_, ": ", bad_size_, " cells, but the header has ",
                                    table_.header.size(), " columns"));
    return std::move(table_);
  }

 private:
  static void on_cell(void* text, std::size_t size, void* self) {
    static_cast<CsvReader*>(self)->cells_.emplace_back(static_cast<const char*>(text), size);
  }
  static void on_row(int, void* self) { static_cast<CsvReader*>(self)->end_row(); }

  void end_row() {
    std::vector<std::string> cells = std::exchange(cells_, {});
    open_ = false;
    if (!has_header_) {
      has_header_ = true;
      header_line_ = begin_;
      table_.header = std::move(cells);
      return;
    }
    if (cells.size() != table_.header.size() && bad_line_ == 0) {  // thrown later: not through C
      bad_line_ = begin_;
      bad_size_ = cells.size();
    }
    table_.rows.push_back(std::move(cells));
    table_.lines.push_back(begin_);
  }

  void check_header() const {
    const std::string first = table_.header.empty() ? "" : table_.header[0];
    check_input(table_.header.size() != 1 || first.find_first_of(";\t") == std::string::npos,
                cat(path_, ":", header_line_, ": the header has one column, \"", first,
                    "\"; part the cells by commas (in a .tsv file by tabs)"));
    std::set<std::string> seen;
    for (const std::string& name : table_.header) {
      check_input(name.empty() || seen.insert(name).second,  // pandas leaves its index without a name
                  cat(path_, ":", header_line_, ": the column \"", name, "\" stands twice; rename one"));
    }
  }

  [[noreturn]] void fail() {
    throw InputError(cat(path_, ":", begin_,
                         ": not valid CSV: a quote is not closed, or stands inside a cell "
                         "that is not quoted (write it twice, in a quoted cell)"));
  }

  const std::string& path_;
  csv_parser parser_{};
  CsvTable table_;
  std::vector<std::string> cells_;
  std::int64_t line_ = 0, begin_ = 1, header_line_ = 1, bad_line_ = 0;
  std::size_t bad_size_ = 0;
  bool open_ = false, has_header_ = false;
};

bool is_true(const std::string& cell) { return cell == "true" || cell == "True" || cell == "TRUE"; }
bool is_false(const std::string& cell) { return cell == "false" || cell == "False" || cell == "FALSE"; }

Json bool_cell(const std::string& cell) {
  if (is_true(cell)) return true;
  return is_false(cell) ? Json(false) : Json();
}

Json number_cell(const std::string& cell) {
  Json value = outline_json(cell).too_deep ? Json() : Json::parse(cell, nullptr, false);
  if (value.is_number()) return value;
  double number = 0;  // ".5", "5.": no JSON, but numbers to whoever writes CSV
  const char* end = cell.data() + cell.size();
  const auto [stop, error] = std::from_chars(cell.data(), end, number);
  return error == std::errc() && stop == end && std::isfinite(number) ? Json(number) : Json();
}

Json turns_cell(const std::string& cell) {
  if (cell.empty() || cell[0] != '[' || outline_json(cell).too_deep) return {};
  Json value = Json::parse(cell, nullptr, false);
  const bool turns = value.is_array() && std::all_of(value.begin(), value.end(),
                                                     [](const Json& turn) { return turn.is_object(); });
  return turns ? value : Json();
}

Json text_cell(const std::string& cell) { return cell; }

// Answers and prompts stay text, whatever they look like.
bool holds_text(const std::string& name) {
  static const std::set<std::string> names = {"prompt",
                                              "question",
                                              "instruction",
                                              "input",
                                              "output",
                                              "chosen",
                                              "rejected",
                                              "completion",
                                              "response",
                                              "response_1",
                                              "response_2",
                                              "text",
                                              "answer",
                                              "response_j",
                                              "response_k",
                                              "chosen_response",
                                              "rejected_response",
                                              "system",
                                              "answer_matching_behavior",
                                              "answer_not_matching_behavior"};
  return names.count(name) > 0;
}

using ReadCell = Json (*)(const std::string&);

// A column under one reading; nothing when a cell with something in it does not pass.
std::optional<std::vector<Json>> read_column(const CsvTable& table, std::size_t column, ReadCell reading) {
  std::vector<Json> out;
  for (const std::vector<std::string>& row : table.rows) {
    out.push_back(row[column].empty() ? Json() : reading(row[column]));
    if (out.back().is_null() && !row[column].empty()) return std::nullopt;
  }
  return out;
}

std::vector<Json> typed_column(const CsvTable& table, std::size_t column) {
  const std::vector<ReadCell> readings =
      holds_text(table.header[column]) ? std::vector<ReadCell>{turns_cell, text_cell}
                                       : std::vector<ReadCell>{bool_cell, number_cell, turns_cell, text_cell};
  for (const ReadCell reading : readings) {
    std::optional<std::vector<Json>> values = read_column(table, column, reading);
    if (values) return std::move(*values);
  }
  throw InternalError("csv: text passes as text");
}

}  // namespace

CsvTable parse_csv(std::string_view bytes, const std::string& path, char delimiter) {
  return CsvReader(path, delimiter).read(bytes);
}

std::vector<Json> csv_objects(const CsvTable& table) {
  std::vector<Json> out(table.rows.size(), Json::object());
  for (std::size_t column = 0; column < table.header.size(); ++column) {
    std::vector<Json> values = typed_column(table, column);
    for (std::size_t i = 0; i < values.size(); ++i) out[i][table.header[column]] = std::move(values[i]);
  }
  return out;
}

}  // namespace una::data::detail
