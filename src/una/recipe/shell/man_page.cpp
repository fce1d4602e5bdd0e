#include "una/recipe/shell/man_page.h"

#include "una/base/format.h"

namespace una::recipe {
namespace {

// roff reads a backslash, and a period or an apostrophe at the start of a line; a plain hyphen may become a typographic one,
// which cannot be pasted into a shell.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool starts_line = out.empty() || out.back() == '\n';
    if (starts_line && (c == '.' || c == '\'')) { out += "\\&"; }
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string option_entry(const OptionHelp& option) {
  std::string out = cat(".TP\n.B \\-\\-", roff(option.name), "\n", roff(option.help));
  if (has_default(option)) { out += cat(" [", roff(option.fallback), "]"); }
  return out + "\n";
}

}  // namespace

std::string man_page(const std::string& command, const std::string& summary, const HelpPage& page) {
  std::string out = cat(".TH una\\-", roff(command), " 1 \"\" \"una ", UNA_VERSION, "\"\n");
  out += cat(".SH NAME\nuna\\-", roff(command), " \\- ", roff(summary), "\n");
  out += cat(".SH SYNOPSIS\n.nf\n", roff(page.usage), "\n.fi\n");
  if (!page.groups.empty()) { out += ".SH OPTIONS\n"; }
  for (const HelpGroup& group : page.groups) {
    if (group.options.empty()) { continue; }
    out += cat(".SS ", roff(group.title), "\n");
    for (const OptionHelp& option : group.options) { out += option_entry(option); }
  }
  return out;
}

}  // namespace una::recipe
