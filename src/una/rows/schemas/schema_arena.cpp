#include <algorithm>

#include "una/base/format.h"
#include "una/rows/schemas/fields.h"
#include "una/rows/schemas/schemas.h"

// Battles of FastChat and LMArena: two conversations that begin with the same question, and who won.
namespace una::rows {
bool fits_arena(const Json& row) {
  return has_list(row, "conversation_a") && has_list(row, "conversation_b") && row.contains("winner");
}

// Later turns depend on the answers before them, so only battles of one answer each share a prompt.
OwnRow own_arena(const RowView& row) {
  const Json& a = need(row, "conversation_a");
  const Json& b = need(row, "conversation_b");
  const Preferred winner = preferred_by_word(row, "winner");
  OwnRow own;
  own.tie = winner == Preferred::kTie;
  if (winner == Preferred::kNone) { own.drop = "preference missing"; }
  const auto [end_a, end_b] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const Json prompt(Json::array_t(a.begin(), end_a));
  if (own.drop.empty() && (prompt.empty() || a.size() != prompt.size() + 1 || b.size() != a.size())) {
    own.drop = prompt.size() == a.size() && a.size() == b.size() ? "chosen equals rejected"
                                                                 : "a battle of several turns";
  }
  const bool second = winner == Preferred::kSecond;
  own.row = {{"prompt", prompt},
             {"chosen", Json::array_t(second ? end_b : end_a, second ? b.end() : a.end())},
             {"rejected", Json::array_t(second ? end_a : end_b, second ? a.end() : b.end())}};
  return own;
}

}  // namespace una::rows
