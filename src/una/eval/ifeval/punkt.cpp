#include "una/eval/ifeval/punkt.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/text/python/regex.h"
#include "una/text/python/strings.h"

// Names and order of decisions follow nltk/tokenize/punkt.py, so that the two can be read side by side.
namespace una::eval::ifeval {
namespace {

namespace python = text::python;
using python::Regex;

constexpr const char* kNonWord = R"((?:[)\";}\]\*:@\'\({\[‘’“”«»?!]))";
constexpr const char* kMultiCharacter = R"((?:\-{2,}|\.{2,}|(?:\.\s){2,}\.))";
constexpr const char* kWordStart = R"([^\(\"\`{\[:;&\#\*@\)}\]\-,])";

enum Ortho : std::uint8_t {
  kBegUpper = 2,
  kMidUpper = 4,
  kUnkUpper = 8,
  kBegLower = 16,
  kMidLower = 32,
  kUnkLower = 64
};
constexpr int kUpper = kBegUpper | kMidUpper | kUnkUpper, kLower = kBegLower | kMidLower | kUnkLower;

struct Token {
  std::string text, type;  // type: lower case, numbers as ##number##
  bool period_final = false, sentence_break = false, abbreviation = false, ellipsis = false;

  std::string type_without_period() const {
    return type.size() > 1 && type.back() == '.' ? type.substr(0, type.size() - 1) : type;
  }
  std::string type_without_sentence_period() const { return sentence_break ? type_without_period() : type; }
  std::string_view first_character() const {
    std::size_t end = 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) { ++end; }
    return std::string_view(text).substr(0, end);
  }
  bool first_upper() const { return python::is_upper(first_character()); }
  bool first_lower() const { return python::is_lower(first_character()); }
};

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  for (std::string& line : split(read_file(path), '\n')) {
    if (!line.empty() && line.back() == '\r') { line.pop_back(); }
    if (!line.empty()) { lines.push_back(std::move(line)); }
  }
  return lines;
}

std::vector<std::string> two_cells(const std::string& line, const std::string& path) {
  std::vector<std::string> cells = split(line, '\t');
  check_input(cells.size() == 2, path, ": a line is not two words with a tab between them: '", line, "'");
  return cells;
}

// A place where a sentence may end, and the word before it with what follows.
struct EndContext {
  std::size_t end = 0;         // behind the mark
  std::size_t next_begin = 0;  // where a new sentence would begin
  std::string context;
};

struct Span {
  std::size_t begin = 0, end = 0;
};

std::string_view part(std::string_view text, Span span) {
  return span.begin >= span.end ? std::string_view() : text.substr(span.begin, span.end - span.begin);
}

}  // namespace

struct Punkt::Impl {
  explicit Impl(const std::string& folder) {
    for (std::string& word : lines_of(folder + "/abbrev_types.txt")) {
      abbreviations.insert(std::move(word));
    }
    for (std::string& word : lines_of(folder + "/sent_starters.txt")) { starters.insert(std::move(word)); }
    for (const std::string& line : lines_of(folder + "/collocations.tab")) {
      const std::vector<std::string> cells = two_cells(line, folder + "/collocations.tab");
      collocations.emplace(cells[0], cells[1]);
    }
    for (const std::string& line : lines_of(folder + "/ortho_context.tab")) {
      const std::vector<std::string> cells = two_cells(line, folder + "/ortho_context.tab");
      ortho[cells[0]] = std::atoi(cells[1].c_str());
    }
  }

  Token token_of(std::string_view word) const {
    Token token{.text = std::string(word), .type = number.replace(python::lower(word), "##number##")};
    token.period_final = word.ends_with('.');
    return token;
  }

  void first_pass(Token& token) const {
    const std::string& text = token.text;
    if (text == "." || text == "?" || text == "!") {
      token.sentence_break = true;
    } else if (text.size() > 1 && text.find_first_not_of('.') == std::string::npos) {
      token.ellipsis = true;
    } else if (token.period_final && !text.ends_with("..")) {
      const std::string word = python::lower(std::string_view(text).substr(0, text.size() - 1));
      const std::string behind_dash = word.substr(word.rfind('-') + 1);
      if (abbreviations.count(word) + abbreviations.count(behind_dash) > 0) {
        token.abbreviation = true;
      } else {
        token.sentence_break = true;
      }
    }
  }

  int ortho_of(const std::string& type) const {
    const auto found = ortho.find(type);
    return found == ortho.end() ? 0 : found->second;
  }

  enum class Starts : std::uint8_t { kNo, kYes, kUnknown };
  // Whether the token's letter case says that it begins a sentence.
  Starts ortho_heuristic(const Token& token) const {
    static const std::set<std::string> kMarks = {";", ":", ",", ".", "!", "?"};
    if (kMarks.count(token.text) > 0) { return Starts::kNo; }
    const int seen = ortho_of(token.type_without_sentence_period());
    if (token.first_upper() && (seen & kLower) != 0 && (seen & kMidUpper) == 0) { return Starts::kYes; }
    if (token.first_lower() && ((seen & kUpper) != 0 || (seen & kBegLower) == 0)) { return Starts::kNo; }
    return Starts::kUnknown;
  }

  void second_pass(Token& token, const Token& next) const {
    if (!token.period_final) { return; }
    const std::string type = token.type_without_period(), next_type = next.type_without_sentence_period();
    const bool is_initial = initial.found_in(token.text);
    const auto no_break = [&] {
      token.sentence_break = false;
      token.abbreviation = true;
    };
    if (collocations.count({type, next_type}) > 0) { return no_break(); }
    if ((token.abbreviation || token.ellipsis) && !is_initial) {
      if (ortho_heuristic(next) == Starts::kYes || (next.first_upper() && starters.count(next_type) > 0)) {
        token.sentence_break = true;
        return;
      }
    }
    if (is_initial || type == "##number##") {
      const Starts starts = ortho_heuristic(next);
      if (starts == Starts::kNo) { return no_break(); }
      if (starts == Starts::kUnknown && is_initial && next.first_upper() &&
          (ortho_of(next_type) & kLower) == 0) {
        no_break();
      }
    }
  }

  std::vector<Token> tokens_of(std::string_view text) const {
    std::vector<Token> tokens;
    for (const std::string& line : split(text, '\n')) {
      if (python::is_blank(line)) { continue; }
      for (const Regex::Match& match : word_regex.find_all(line)) {
        tokens.push_back(token_of(match.text()));
      }
    }
    return tokens;
  }

  bool has_break(std::string_view text) const {
    std::vector<Token> tokens = tokens_of(text);
    for (Token& token : tokens) { first_pass(token); }
    for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
      second_pass(tokens[i], tokens[i + 1]);
      if (tokens[i].sentence_break) { return true; }
    }
    return false;
  }

  std::vector<EndContext> end_contexts(std::string_view text) const;
  std::vector<Span> slices(std::string_view text) const;

  std::unordered_set<std::string> abbreviations, starters;
  std::set<std::pair<std::string, std::string>> collocations;
  std::unordered_map<std::string, int> ortho;
  Regex word_regex{cat("(", kMultiCharacter, "|(?=", kWordStart, R"()\S+?(?=\s|$|)", kNonWord, "|",
                       kMultiCharacter, R"(|,(?=$|\s|)", kNonWord, "|", kMultiCharacter, R"())|\S))")};
  Regex period{cat(R"([\.\?!](?=()", kNonWord, R"(|\s+(\S+))))")};
  Regex realignment{R"(\A["')\]}‘’“”«»]+?(?:\s+|(?=--)|$))", Regex::kMultiline};
  Regex number{R"(^-?[\.,]?\d[\d,\.-]*\.?$)"};
  Regex initial{R"(\A[^\W\d]\.$)"};
};

// The word before a mark is sought from right to left; where two marks share it, only the last one counts.
std::vector<EndContext> Punkt::Impl::end_contexts(std::string_view text) const {
  std::vector<EndContext> out;
  Span previous;
  std::optional<EndContext> waiting;
  for (const Regex::Match& match : period.find_all(text)) {
    const std::string_view before = part(text, {previous.end, match.begin});
    const std::size_t space = before.find_last_of(" \t\n\r\v\f");
    // A space at the very beginning counts as none, as upstream.
    const bool found = space != std::string_view::npos && space != 0;
    const Span word_before{found ? space + previous.end + 1 : previous.begin, match.begin};
    if (waiting && previous.end <= word_before.begin) { out.push_back(*waiting); }
    EndContext here{.end = match.end, .next_begin = match.end, .context = {}};
    if (match.groups[2]) {
      here.next_begin = static_cast<std::size_t>(match.groups[2]->data() - text.data());
    }
    here.context = cat(part(text, word_before), match.text(), *match.groups[1]);
    waiting = std::move(here);
    previous = word_before;
  }
  if (waiting) { out.push_back(*waiting); }
  return out;
}

std::vector<Span> Punkt::Impl::slices(std::string_view text) const {
  std::vector<Span> out;
  std::size_t last_break = 0;
  for (const EndContext& place : end_contexts(text)) {
    if (!has_break(place.context)) { continue; }
    out.push_back({last_break, place.end});
    last_break = place.next_begin;
  }
  out.push_back({last_break, python::strip_right(text).size()});
  return out;
}

Punkt::Punkt(const std::string& folder) : impl_(std::make_unique<Impl>(folder)) {}
Punkt::~Punkt() = default;

// Closing quotes and brackets behind a mark belong to the sentence that it ends.
std::vector<std::string_view> Punkt::sentences(std::string_view text) const {
  const std::vector<Span> slices = impl_->slices(text);
  std::vector<std::string_view> out;
  std::size_t realigned = 0;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const Span own{slices[i].begin + realigned, slices[i].end};
    realigned = 0;
    if (i + 1 < slices.size()) {
      const std::string_view next = part(text, slices[i + 1]);
      const std::vector<Regex::Match> closing = impl_->realignment.find_all(next);
      if (!closing.empty()) {
        out.push_back(
            part(text, {own.begin, slices[i + 1].begin + python::strip_right(closing[0].text()).size()}));
        realigned = closing[0].end;
        continue;
      }
    }
    if (!part(text, own).empty()) { out.push_back(part(text, own)); }
  }
  return out;
}

namespace {

constexpr std::array kParameterFiles{"abbrev_types.txt", "collocations.tab", "sent_starters.txt",
                                     "ortho_context.tab"};

// A folder that a failed download left empty has no parameters.
bool has_parameters(const std::string& folder) {
  return std::ranges::all_of(kParameterFiles,
                             [&](const char* name) { return is_file(cat(folder, "/", name)); });
}

}  // namespace

std::string find_punkt_folder(const std::string& nltk_data) {
  const auto folder_in = [](const std::string& data) { return data + "/tokenizers/punkt_tab/english"; };
  if (!nltk_data.empty()) {
    check_input(has_parameters(folder_in(nltk_data)), "nltk_data: ", nltk_data,
                " has no tokenizers/punkt_tab/english with ",
                join({kParameterFiles.begin(), kParameterFiles.end()}, ", "),
                "; it is NLTK's data folder, as NLTK_DATA names it");
    return folder_in(nltk_data);
  }
  std::vector<std::string> places;
  if (const char* variable = std::getenv("NLTK_DATA")) { places = split(variable, ':'); }
  if (const char* home = std::getenv("HOME")) { places.push_back(cat(home, "/nltk_data")); }
  for (const char* system : {"/usr/share/nltk_data", "/usr/local/share/nltk_data", "/usr/lib/nltk_data",
                             "/usr/local/lib/nltk_data"}) {
    places.emplace_back(system);
  }
  for (const std::string& place : places) {
    if (!place.empty() && has_parameters(folder_in(place))) { return folder_in(place); }
  }
  return "";
}

}  // namespace una::eval::ifeval
