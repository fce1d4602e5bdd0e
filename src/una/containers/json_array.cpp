#include "una/containers/json_array.h"

#include <utility>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::containers {

std::vector<std::string_view> ArrayCursor::next(std::size_t most) {
  file_.skip(std::exchange(used_, 0));
  begin_ = 0;
  if (!open_) { open(); }
  std::vector<std::pair<std::size_t, std::size_t>> places;  // text may move while more of it is unpacked
  while (!ended_ && places.size() < most && (places.empty() || used_ < kChunkBytes)) {
    ++number_;
    begin_ = used_;
    after_space();
    begin_ = used_;
    pass_element();
    places.emplace_back(begin_, used_ - begin_);
    ended_ = peek() == ']';
    ++used_;
  }
  if (ended_ && (after_space() != '\0' || used_ != file_.bytes().size())) { fail(); }
  std::vector<std::string_view> elements;
  elements.reserve(places.size());
  for (const auto& [begin, size] : places) { elements.push_back(file_.bytes().substr(begin, size)); }
  return elements;
}

char ArrayCursor::peek() {
  if (used_ == file_.bytes().size() && !file_.more()) { return '\0'; }
  return file_.bytes()[used_];
}

char ArrayCursor::after_space() {
  for (;; pass()) {
    const char c = peek();
    if (c != ' ' && c != '\n' && c != '\r' && c != '\t') { return c; }
  }
}

void ArrayCursor::pass() { file_.check_row(++used_ - begin_, number_); }

void ArrayCursor::open() {
  open_ = true;
  if (after_space() != '[') { fail(); }
  ++used_;
  ended_ = after_space() == ']';
  if (ended_) { ++used_; }
}

void ArrayCursor::pass_string() {
  for (++used_; peek() != '"'; pass()) {
    if (peek() == '\\') { ++used_; }
    if (peek() == '\0') { fail(); }
  }
  ++used_;
}

// Up to the comma or the bracket behind it.
void ArrayCursor::pass_element() {
  for (int depth = 0;;) {
    const char c = peek();
    if (depth == 0 && (c == ',' || c == ']')) { return; }
    if (c == '\0' || depth < 0) { fail(); }
    if (c == '"') {
      pass_string();
      continue;
    }
    if (c == '{' || c == '[') { ++depth; }
    if (c == '}' || c == ']') { --depth; }
    pass();
  }
}

void ArrayCursor::fail() const {
  throw InputError(
      cat(path_, ": not a JSON array", number_ == 0 ? "" : cat(" from its element ", number_, " on")));
}

}  // namespace una::containers
