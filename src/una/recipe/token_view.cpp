#include "una/recipe/token_view.h"

#include <utility>
#include <vector>

#include "una/base/format.h"

namespace una::recipe {
namespace {

constexpr const char* kIncomplete = "\xEF\xBF\xBD";  // what a tokenizer decodes a part of a character to

// Some tokens of a sequence that make whole characters, all trained on or none.
struct Piece {
  std::string text;
  std::vector<std::int32_t> ids;
  bool trained = false;
};

// Tokens [begin, end). Each text is what the token adds to those before it: alone it may lose its leading blank.
std::vector<Piece> pieces_of(const Sequence& sequence, const text::Tokenizer& tokenizer, std::size_t begin,
                             std::size_t end) {
  std::vector<Piece> out;
  std::vector<std::int32_t> so_far;
  std::string shown;
  Piece next;
  for (std::size_t i = begin; i < end; ++i) {
    so_far.push_back(sequence.ids[i]);
    next.ids.push_back(sequence.ids[i]);
    next.trained = sequence.loss_mask[i] != 0;
    const std::string whole = tokenizer.decode(so_far, false);
    const bool mask_changes = i + 1 < end && (sequence.loss_mask[i + 1] != 0) != next.trained;
    if (ends_with(whole, kIncomplete) && i + 1 < end && !mask_changes) { continue; }
    next.text =
        visible(starts_with(whole, shown) ? whole.substr(shown.size()) : tokenizer.decode(next.ids, false));
    out.push_back(std::exchange(next, {}));
    // Where the mask cuts a character in two, the tokens behind the cut are decoded on their own.
    shown = whole;
    if (ends_with(whole, kIncomplete)) {
      so_far.clear();
      shown.clear();
    }
  }
  return out;
}

std::string ids_text(const std::vector<std::int32_t>& ids) {
  std::string out;
  for (const std::int32_t id : ids) { out += cat("<", id, ">"); }
  return out;
}

// Writes pieces one after the other; `counted` goes on from what was written before.
void append_pieces(const std::vector<Piece>& pieces, const TokenView& view, bool& counted, std::string& out) {
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const Piece& piece = pieces[i];
    const bool changes = piece.trained != counted;
    if (view.color && (out.empty() || changes)) { out += piece.trained ? "\033[0;32m" : "\033[0;2m"; }
    if (!view.color && changes) { out += piece.trained ? "[" : "]"; }
    counted = piece.trained;
    out += piece.text;
    if (view.ids) { out += ids_text(piece.ids); }
    if (view.color && i + 1 < pieces.size()) { out += i % 2 == 0 ? "\033[4m" : "\033[24m"; }
  }
}

}  // namespace

std::string visible(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += cat("\\x", static_cast<int>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

std::string shown_tokens(const Sequence& sequence, const text::Tokenizer& tokenizer, const TokenView& view) {
  const std::size_t size = sequence.ids.size();
  const bool cut = view.limit > 0 && size > view.limit;
  const std::size_t head = cut ? view.limit * 2 / 3 : size, tail = cut ? size - (view.limit - head) : size;
  std::string out;
  bool counted = false;
  append_pieces(pieces_of(sequence, tokenizer, 0, head), view, counted, out);
  if (cut) {
    out += cat(" ... ", thousands(static_cast<std::int64_t>(tail - head)), " tokens ... ");
    append_pieces(pieces_of(sequence, tokenizer, tail, size), view, counted, out);
  }
  return out + (view.color ? "\033[0m" : counted ? "]" : "");
}

std::string shown_token(std::int32_t id, const text::Tokenizer& tokenizer) {
  const std::string text = tokenizer.decode({id}, false);
  const bool is_whole = !text.empty() && text.find(kIncomplete) == std::string::npos;
  return cat(id, " '", visible(is_whole ? text : tokenizer.token_of(id)), "'");
}

}  // namespace una::recipe
