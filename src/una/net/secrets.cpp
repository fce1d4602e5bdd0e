#include "una/net/secrets.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace una::net {
namespace {

constexpr std::size_t kShortest = 4;        // characters of a secret
constexpr std::size_t kShortestCut = 8;     // characters of a part of one
constexpr int kLayers = 3;                  // escapes within escapes: JSON text within JSON text
constexpr std::size_t kLongestEscape = 16;  // bytes of one character, roughly
constexpr std::size_t kPiece = 64 * 1024;   // bytes looked at together, to bound the memory

// A character of the text, with the escapes around it undone, and the bytes that it was made of.
struct Letter {
  char value = 0;
  std::size_t begin = 0, end = 0;
};
using Letters = std::vector<Letter>;

// The number that `digits` letters at `at` write in `base`; -1: they do not.
long number_at(const Letters& text, std::size_t at, std::size_t digits, int base) {
  if (digits == 0 || at + digits > text.size()) { return -1; }
  std::string word;
  for (std::size_t i = at; i < at + digits; ++i) { word += text[i].value; }
  char* end = nullptr;
  const long value = std::strtol(word.c_str(), &end, base);
  const bool good = *end == '\0' && word.find_first_of("+- \t\n") == std::string::npos;
  return good ? value : -1;
}

// An escape: how many letters it is long (0: there is none) and what it means. Keys are ASCII, so other
// characters only have to differ from them.
struct Escape {
  std::size_t length = 0;
  char value = 0;
};

Escape made(std::size_t length, long code) {
  return code < 0 ? Escape{} : Escape{length, code < 0x80 ? static_cast<char>(code) : '\x80'};
}

// %2D
Escape percent_escape(const Letters& text, std::size_t at) { return made(3, number_at(text, at + 1, 2, 16)); }

// \u002d, \x2d, \n, \/
Escape backslash_escape(const Letters& text, std::size_t at) {
  if (at + 1 >= text.size()) { return {}; }
  const char kind = text[at + 1].value;
  if (kind == 'u') { return made(6, number_at(text, at + 2, 4, 16)); }
  if (kind == 'x') { return made(4, number_at(text, at + 2, 2, 16)); }
  if (kind == 'n' || kind == 'r' || kind == 't' || kind == 'b' || kind == 'f') { return {2, ' '}; }
  return {2, kind};
}

// &#45; &#x2d;
Escape entity_escape(const Letters& text, std::size_t at) {
  if (at + 2 >= text.size() || text[at + 1].value != '#') { return {}; }
  const bool hex = text[at + 2].value == 'x' || text[at + 2].value == 'X';
  const std::size_t first = at + (hex ? 3 : 2);
  std::size_t end = first;
  while (end < text.size() && end - first < 8 && text[end].value != ';') { ++end; }
  if (end >= text.size() || text[end].value != ';') { return {}; }
  return made(end + 1 - at, number_at(text, first, end - first, hex ? 16 : 10));
}

Escape escape_at(const Letters& text, std::size_t at) {
  if (text[at].value == '%') { return percent_escape(text, at); }
  if (text[at].value == '\\') { return backslash_escape(text, at); }
  return text[at].value == '&' ? entity_escape(text, at) : Escape{};
}

// Undoes one layer of escapes. False: there was none.
bool undo_escapes(Letters& text) {
  Letters out;
  bool any = false;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Escape escape = escape_at(text, at);
    const std::size_t length = std::max<std::size_t>(1, escape.length);
    out.push_back(
        {escape.length > 0 ? escape.value : text[at].value, text[at].begin, text[at + length - 1].end});
    any = any || escape.length > 0;
    at += length;
  }
  text = std::move(out);
  return any;
}

void skip_space(Letters& text) {
  std::erase_if(text, [](const Letter& letter) {
    const auto value = static_cast<unsigned char>(letter.value);
    return value <= 0x20U || value == 0x7FU;
  });
}

// The shortest part of a secret that is one.
std::size_t shortest_part(const std::string& word) {
  return std::min(word.size(), std::max(kShortestCut, (word.size() + 1) / 2));
}

// How many letters from `at` on are the word's characters from `from` on.
std::size_t common(const Letters& letters, std::size_t at, const std::string& word, std::size_t from) {
  std::size_t length = 0;
  while (at + length < letters.size() && from + length < word.size() &&
         letters[at + length].value == word[from + length]) {
    ++length;
  }
  return length;
}

// Marks the bytes of each run of letters that is part of `word`.
void mark(const Letters& letters, const std::string& word, std::vector<bool>& secret) {
  std::array<std::vector<std::size_t>, 256> places;  // of each character in the word
  for (std::size_t i = 0; i < word.size(); ++i) { places[static_cast<unsigned char>(word[i])].push_back(i); }
  const std::size_t part = shortest_part(word);
  for (std::size_t at = 0; at + part <= letters.size(); ++at) {
    for (const std::size_t from : places[static_cast<unsigned char>(letters[at].value)]) {
      const std::size_t length = common(letters, at, word, from);
      if (length < part) { continue; }
      std::fill(secret.begin() + static_cast<std::ptrdiff_t>(letters[at].begin),
                secret.begin() + static_cast<std::ptrdiff_t>(letters[at + length - 1].end), true);
    }
  }
}

// An escape is blotted out whole or not at all: half of one would break the JSON text around it.
void complete_escapes(const Letters& letters, std::vector<bool>& secret) {
  for (const Letter& letter : letters) {
    const auto begin = secret.begin() + static_cast<std::ptrdiff_t>(letter.begin);
    const auto end = secret.begin() + static_cast<std::ptrdiff_t>(letter.end);
    if (end - begin > 1 && std::find(begin, end, true) != end) { std::fill(begin, end, true); }
  }
}

// Marks the secret bytes of text[begin, end).
void mark_piece(const std::string& text, std::size_t begin, std::size_t end,
                const std::vector<std::string>& words, std::vector<bool>& secret) {
  Letters letters;
  letters.reserve(end - begin);
  for (std::size_t i = begin; i < end; ++i) { letters.push_back({text[i], i, i + 1}); }
  for (int layer = 0; layer <= kLayers; ++layer) {
    Letters dense = letters;
    skip_space(dense);
    for (const std::string& word : words) { mark(dense, word, secret); }
    complete_escapes(letters, secret);
    if (!undo_escapes(letters)) { break; }
  }
}

}  // namespace

Secrets::Secrets(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    if (word.size() >= kShortest) { words_.push_back(word); }
  }
}

std::string Secrets::redacted(const std::string& text) const {
  if (words_.empty()) { return text; }
  std::vector<bool> secret(text.size(), false);
  std::size_t longest = 0;
  for (const std::string& word : words_) { longest = std::max(longest, word.size()); }
  const std::size_t overlap = kLongestEscape * longest + kPiece / 16;  // and the space that may break a key
  for (std::size_t begin = 0; begin < text.size(); begin += kPiece) {
    mark_piece(text, begin, std::min(text.size(), begin + kPiece + overlap), words_, secret);
  }
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!secret[i]) {
      out += text[i];
    } else if (i == 0 || !secret[i - 1]) {
      out += "***";
    }
  }
  return out;
}

}  // namespace una::net
