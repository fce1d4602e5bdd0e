#include "una/rows/files/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include <csv.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json_text.h"
#include "una/base/utf8.h"

namespace una::rows {
// libcsv, fed line by line so that each row knows the line where it begins.
class CsvReader::Parser {
 public:
  Parser(FileBytes& file, const std::string& path, char delimiter, RowLimit limit)
      : file_(file), path_(path), limit_(limit) {
    check(csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) == 0, "libcsv: no parser");
    csv_set_delim(&parser_, static_cast<unsigned char>(delimiter));
    csv_set_space_func(&parser_, [](unsigned char) { return 0; });
  }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  const std::vector<std::string>& header() const { return header_; }

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
    parser.rows_.push_back({std::exchange(parser.cells_, {}), parser.begin_});
    parser.open_ = false;
    parser.row_bytes_ = 0;
  }

  // One line; behind the last one the end.
  void feed() {
    const std::size_t end = file_.line_end(0, limit_.bytes);
    const std::string_view line = file_.bytes().substr(0, end);
    const std::size_t rows = rows_.size();
    if (line.empty()) {
      ended_ = true;
      if (csv_fini(&parser_, on_cell, on_row, this) != 0) { fail(); }
    } else {
      ++line_;
      check_input(find_invalid_utf8(line) == line.npos, path_, ":", line_,
                  ": the text is not valid UTF-8; save the file in UTF-8");
      if (!open_) { begin_ = line_; }
      limit_.check(row_bytes_ += line.size(), path_, begin_);
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
    check_input(header_.size() != 1 || first.find_first_of(";\t") == std::string::npos, where,
                ": the header has one column, \"", first,
                "\"; part the cells by commas (in a .tsv file by tabs)");
    std::set<std::string> seen;
    for (const std::string& name : header_) {
      check_input(name.empty() || seen.insert(name).second,  // pandas leaves its index without a name
                  cat(where, ": the column \"", name, "\" stands twice; rename one"));
    }
  }

  [[noreturn]] void fail() {
    throw InputError(cat(path_, ":", begin_,
                         ": not valid CSV: a quote is not closed, or stands inside a cell "
                         "that is not quoted (write it twice, in a quoted cell)"));
  }

  FileBytes& file_;
  const std::string& path_;
  RowLimit limit_;
  csv_parser parser_{};
  std::vector<std::string> header_, cells_;
  std::vector<CsvRow> rows_;  // parsed and not handed on
  std::int64_t line_ = 0, begin_ = 1;
  std::size_t row_bytes_ = 0;  // since the end of the last row
  std::size_t used_ = 0;       // bytes that the rows of this call of next() take
  bool open_ = false, ended_ = false;
};

namespace {

bool is_true(const std::string& cell) { return cell == "true" || cell == "True" || cell == "TRUE"; }
bool is_false(const std::string& cell) { return cell == "false" || cell == "False" || cell == "FALSE"; }

Json bool_cell(const std::string& cell) {
  if (is_true(cell)) { return true; }
  return is_false(cell) ? Json(false) : Json();
}

Json number_cell(const std::string& cell) {
  Json value = outline_json(cell).too_deep ? Json() : Json::parse(cell, nullptr, false);
  if (value.is_number()) { return value; }
  double number = 0;  // ".5", "5.": no JSON, but numbers to whoever writes CSV
  const char* end = cell.data() + cell.size();
  const auto [stop, error] = std::from_chars(cell.data(), end, number);
  return error == std::errc() && stop == end && std::isfinite(number) ? Json(number) : Json();
}

Json turns_cell(const std::string& cell) {
  if (cell.empty() || cell[0] != '[' || outline_json(cell).too_deep) { return {}; }
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

}  // namespace

CsvReader::CsvReader(FileBytes& file, const std::string& path, char delimiter, RowLimit limit)
    : parser_(std::make_unique<Parser>(file, path, delimiter, limit)) {
  parser_->read_header();
}
CsvReader::~CsvReader() = default;

const std::vector<std::string>& CsvReader::header() const { return parser_->header(); }
std::vector<CsvRow> CsvReader::next(std::size_t most) { return parser_->next(most); }

CsvColumns::CsvColumns(std::vector<std::string> names) : names_(std::move(names)) {
  for (const std::string& name : names_) {
    if (holds_text(name)) {
      readings_.push_back({turns_cell, text_cell});
    } else {
      readings_.push_back({bool_cell, number_cell, turns_cell, text_cell});
    }
  }
}

void CsvColumns::see(const CsvRow& row) {
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::string& cell = row.cells[i];
    if (!cell.empty()) {
      std::erase_if(readings_[i], [&](ReadCell read) { return read != text_cell && read(cell).is_null(); });
    }
  }
}

Json CsvColumns::object(const CsvRow& row) const {
  Json out = Json::object();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const std::string& cell = row.cells[i];
    out[names_[i]] = cell.empty() ? Json() : readings_[i].front()(cell);
  }
  return out;
}

}  // namespace una::rows
