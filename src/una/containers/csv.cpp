#include "una/containers/csv.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <csv.h>

#include "una/base/ascii.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_text.h"
#include "una/base/utf8.h"
#include "una/words/columns.h"

namespace una::containers {

constexpr std::size_t kMostColumns = 10'000;
namespace {

constexpr std::string_view kDelimiters = ",;\t|";

std::string_view without_line_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) { line.remove_suffix(1); }
  return line;
}

// Excel's first line sep=; (also quoted) -> its character; else '\0'.
char declared_delimiter(std::string_view line) {
  line = without_line_end(line);
  if (line.size() > 2 && line.front() == '"' && line.back() == '"') {
    line = line.substr(1, line.size() - 2);
  }
  constexpr std::string_view kSep = "sep=";
  const bool fits =
      line.size() == kSep.size() + 1 &&
      std::equal(kSep.begin(), kSep.end(), line.begin(), [](char a, char b) { return a == lower_ascii(b); });
  return fits ? line.back() : '\0';
}

// The header's cells if `delimiter` parts them; quoted ones are whole.
std::vector<std::string> parted(std::string_view line, char delimiter) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char c : without_line_end(line)) {
    if (c == '"') { quoted = !quoted; }
    if (c == delimiter && !quoted) {
      cells.emplace_back();
    } else if (c != '"') {
      cells.back() += c;
    }
  }
  return cells;
}

// Known names count first, then columns; of equals the one that `first` says.
char find_delimiter(std::string_view header, char first) {
  std::tuple<std::ptrdiff_t, std::size_t, bool> best{0, 1, true};
  char found = first;
  for (const char delimiter : kDelimiters) {
    const std::vector<std::string> cells = parted(header, delimiter);
    const auto known = std::count_if(cells.begin(), cells.end(), [](const std::string& cell) {
      return words::find_column(cell) != nullptr;
    });
    const std::tuple<std::ptrdiff_t, std::size_t, bool> own{known, cells.size(), delimiter == first};
    if (cells.size() > 1 && own > best) { std::tie(best, found) = std::tie(own, delimiter); }
  }
  return found;
}

}  // namespace

// libcsv, fed line by line so that each row knows the line where it begins.
class CsvReader::Parser {
 public:
  Parser(FileBytes& file, const std::string& path, const std::string& delimiter) : file_(file), path_(path) {
    check(csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) == 0, "libcsv: no parser");
    delimiter_ = csv_delimiter(delimiter);
    const char declared = declared_delimiter(first_line());
    if (declared != '\0') {
      file_.skip(file_.line_end(0));
      ++line_;
    }
    if (delimiter_ == '\0') { delimiter_ = declared; }
    if (delimiter_ == '\0') {
      const char first = ends_with(unpacked_name(path), ".tsv") ? '\t' : ',';
      delimiter_ = find_delimiter(first_line(), first);
    }
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter_));
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });
  }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  const std::vector<std::string>& header() const { return header_; }
  char delimiter() const { return delimiter_; }

  void read_header() {
    std::vector<CsvRow> first = next(1);
    check_input(!first.empty(), path_, ": no header line; the first line must name the columns");
    header_ = std::move(first[0].cells);
    check_header(cat(path_, ":", first[0].line));
    for (const CsvRow& row : rows_) {
      check_size(row);  // of the same line, where "\r" alone ends rows
    }
  }

  std::vector<CsvRow> next(std::size_t most) {
    used_ = 0;
    while (rows_.size() < most && !ended_ && (rows_.empty() || used_ < kChunkBytes)) { feed(); }
    const auto count = static_cast<std::ptrdiff_t>(std::min(most, rows_.size()));
    std::vector<CsvRow> out(std::make_move_iterator(rows_.begin()),
                            std::make_move_iterator(rows_.begin() + count));
    rows_.erase(rows_.begin(), rows_.begin() + count);
    return out;
  }

 private:
  static void on_cell(void* text, std::size_t size, void* self) {
    auto& parser = *static_cast<Parser*>(self);
    parser.cells_.emplace_back(static_cast<const char*>(text), size);
    parser.used_ += sizeof(std::string);
  }
  static void on_row(int, void* self) {
    auto& parser = *static_cast<Parser*>(self);
    std::vector<std::string> cells = std::exchange(parser.cells_, {});
    const bool blank =
        std::all_of(cells.begin(), cells.end(), [](const std::string& cell) { return trim(cell).empty(); });
    if (!blank) { parser.rows_.push_back({std::move(cells), parser.begin_}); }
    parser.open_ = false;
    parser.row_bytes_ = 0;
  }

  // The first line of what is left of the file; "" at its end.
  std::string_view first_line() {
    const std::size_t end = file_.line_end(0);  // first: it may move what bytes() views
    return file_.bytes().substr(0, end);
  }

  // One line; behind the last one the end.
  void feed() {
    const std::string_view line = first_line();
    const std::size_t rows = rows_.size();
    if (line.empty()) {
      ended_ = true;
      if (csv_fini(&parser_, on_cell, on_row, this) != 0) { fail(); }
    } else {
      ++line_;
      check_input(find_invalid_utf8(line) == line.npos, path_, ":", line_,
                  ": the text is not valid UTF-8; save the file in UTF-8");
      check_input(line.find('\0') == line.npos, path_, ":", line_, ": a NUL byte; the file is damaged");
      if (!open_) { begin_ = line_; }
      file_.check_row(row_bytes_ += line.size(), begin_);
      open_ = open_ || (line[0] != '\n' && !starts_with(line, "\r\n"));  // a blank line begins no row
      if (csv_parse(&parser_, line.data(), line.size(), on_cell, on_row, this) != line.size()) { fail(); }
      used_ += line.size();
      file_.skip(line.size());
    }
    for (std::size_t i = rows; i < rows_.size(); ++i) { check_size(rows_[i]); }
  }

  void check_size(const CsvRow& row) const {
    check_input(header_.empty() || row.cells.size() == header_.size(), path_, ":", row.line, ": ",
                row.cells.size(), " cells, but the header has ", header_.size(), " columns");
  }

  void check_header(const std::string& where) const {
    const std::string& first = header_[0];
    check_input(header_.size() != 1 || first.find_first_of(kDelimiters) == std::string::npos, where,
                ": the header has one column, \"", first,
                "\"; give the character between cells with --csv_delimiter");
    check_input(header_.size() <= kMostColumns, where, ": more than ", kMostColumns, " columns");
    std::set<std::string> seen;
    for (const std::string& name : header_) {
      check_input(name.empty() || seen.insert(name).second,  // pandas leaves its index without a name
                  cat(where, ": the column \"", name, "\" occurs twice; rename one"));
    }
  }

  [[noreturn]] void fail() {
    throw InputError(cat(path_, ":", begin_,
                         ": not valid CSV: a quote is not closed, or is inside a cell "
                         "that is not quoted (write it twice, in a quoted cell)"));
  }

  FileBytes& file_;
  const std::string& path_;
  csv_parser parser_{};
  std::vector<std::string> header_, cells_;
  std::vector<CsvRow> rows_;  // parsed and not handed on
  std::int64_t line_ = 0, begin_ = 1;
  std::size_t row_bytes_ = 0;  // since the end of the last row
  std::size_t used_ = 0;       // bytes that the rows of this call of next() take
  bool open_ = false, ended_ = false;
  char delimiter_ = ',';
};

namespace {

bool is_word(const std::string& cell, std::string_view word) {
  const std::string_view text = trim(cell);
  return text.size() == word.size() && std::equal(word.begin(), word.end(), text.begin(),
                                                  [](char a, char b) { return a == lower_ascii(b); });
}

// Numbers as people write them in CSV, also ".5", "5." and "+1".
Json number_of(std::string_view text) {
  text = trim(text);
  if (starts_with(text, "+")) { text.remove_prefix(1); }
  std::int64_t integer = 0;
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto whole = std::from_chars(begin, end, integer);
  if (whole.ec == std::errc() && whole.ptr == end) { return integer; }
  double number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number);
  return error == std::errc() && stop == end && std::isfinite(number) ? Json(number) : Json();
}

Json value_cell(const std::string& cell, bool decimal_comma) {
  if (is_word(cell, "true")) { return true; }
  if (is_word(cell, "false")) { return false; }
  Json number = number_of(cell);
  if (number.is_null() && decimal_comma && std::count(cell.begin(), cell.end(), ',') == 1) {
    std::string pointed = cell;
    std::replace(pointed.begin(), pointed.end(), ',', '.');
    number = number_of(pointed);
  }
  return number.is_null() ? Json(cell) : number;
}

// What pandas and numpy write for a cell with nothing in it, in columns of text too.
bool is_missing_mark(std::string_view cell) { return cell == "NaN" || cell == "nan" || cell == "<NA>"; }

Json json_cell(const std::string& cell) {
  const std::string_view text = trim(cell);
  if ((!starts_with(text, "[") && !starts_with(text, "{")) || outline_json(cell).too_deep) { return cell; }
  Json value = Json::parse(cell, nullptr, false);
  return value.is_discarded() ? Json(cell) : value;
}

}  // namespace

CsvReader::CsvReader(FileBytes& file, const std::string& path, const std::string& delimiter)
    : parser_(std::make_unique<Parser>(file, path, delimiter)) {
  parser_->read_header();
}
CsvReader::~CsvReader() = default;

const std::vector<std::string>& CsvReader::header() const { return parser_->header(); }
char CsvReader::delimiter() const { return parser_->delimiter(); }
std::vector<CsvRow> CsvReader::next(std::size_t most) { return parser_->next(most); }

CsvColumns::CsvColumns(const std::vector<std::string>& header, const std::vector<std::string>& names,
                       bool decimal_comma)
    : header_(header), decimal_comma_(decimal_comma) {
  for (const std::string& name : names) {
    const words::Column* column = words::find_column(name);
    const bool is_value = column != nullptr && column->is_value();
    const bool is_json = column != nullptr && column->is(words::Column::kJson);
    cells_.push_back(is_value ? Cell::kValue : is_json ? Cell::kJson : Cell::kText);
  }
}

Json CsvColumns::object(const CsvRow& row) const {
  Json out = Json::object();
  for (std::size_t i = 0; i < header_.size(); ++i) {
    const std::string& cell = row.cells[i];
    Json& value = out[header_[i]];
    if (cell.empty() || is_missing_mark(cell)) { continue; }
    value = cells_[i] == Cell::kValue  ? value_cell(cell, decimal_comma_)
            : cells_[i] == Cell::kJson ? json_cell(cell)
                                       : Json(cell);
  }
  return out;
}

char csv_delimiter(const std::string& name) {
  if (name == "auto") { return '\0'; }
  if (name == "tab" || name == "\\t") { return '\t'; }
  check_input(name.size() == 1 && kDelimiters.find(name[0]) != kDelimiters.npos, "--csv_delimiter: \"", name,
              "\" is none of auto, ',', ';', tab, '|'");
  return name[0];
}

}  // namespace una::containers
