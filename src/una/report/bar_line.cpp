#include "una/report/bar_line.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "una/base/format.h"

namespace una::report {
namespace {

constexpr int kWidestBar = 40;
constexpr int kNarrowestBar = 6;

bool starts_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) != 0x80U; }

int columns_of(const std::string& text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), starts_character));
}

std::string cut(const std::string& text, int columns) {
  int seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (starts_character(text[i]) && seen++ == columns) { return text.substr(0, i); }
  }
  return text;
}

std::string repeat(const char* part, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) { out += part; }
  return out;
}

std::string draw_bar(double share, int width, bool fancy) {
  if (!fancy) {
    const int full = static_cast<int>(share * width);
    const bool head = full < width && full > 0;
    return cat("[", repeat("=", head ? full - 1 : full), head ? ">" : "", repeat(" ", width - full), "]");
  }
  static constexpr std::array<const char*, 8> kEighths = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(share * width * 8);
  const int full = eighths / 8;
  const char* part = kEighths[static_cast<std::size_t>(eighths % 8)];
  const int empty = width - full - (*part == '\0' ? 0 : 1);
  return cat("▕", repeat("█", full), part, repeat(" ", empty), "▏");
}

}  // namespace

std::string short_amount(double amount) {
  if (amount < 9999.5) { return fixed(amount, 0); }
  for (const char* unit : {"k", "M", "G"}) {
    amount /= 1000;
    if (amount < 9.995) { return fixed(amount, 2) + unit; }
    if (amount < 99.95) { return fixed(amount, 1) + unit; }
    if (amount < 999.5) { return fixed(amount, 0) + unit; }
  }
  return fixed(amount, 0) + "G";
}

std::string bar_line(const BarState& state, int columns, bool fancy) {
  const double share = state.total > 0 ? std::clamp(state.done / state.total, 0.0, 1.0) : 0;
  std::string numbers = cat(static_cast<int>(share * 100), " %");
  numbers.insert(0, numbers.size() < 5 ? 5 - numbers.size() : 0, ' ');
  numbers += cat("  ", short_amount(state.done), "/", short_amount(state.total),
                 state.unit.empty() ? "" : " " + state.unit, "  ", human_seconds(state.elapsed), " < ",
                 state.done > 0 ? human_seconds(state.remaining) : "?");
  std::string note = state.note.empty() ? "" : "  " + state.note;
  const auto room = [&] {
    return columns - columns_of(state.title) - columns_of(numbers) - columns_of(note) - 4;
  };
  if (room() < kNarrowestBar) { note.clear(); }
  const int width = std::min(kWidestBar, room());
  const std::string bar = width >= kNarrowestBar ? draw_bar(share, width, fancy) + " " : "";
  return cut(cat(state.title, " ", bar, numbers, note), columns);
}

}  // namespace una::report
