#include <algorithm>
#include <cctype>

#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/options.h"

namespace una {
namespace {

std::string canonical(std::string_view flag) {
  std::string name(flag.substr(2));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

bool is_flag(const std::string& word) { return word.size() > 2 && word[0] == '-' && word[1] == '-'; }

bool looks_like_short_flag(const std::string& word) {
  return word.size() > 1 && word[0] == '-' && std::isalpha(static_cast<unsigned char>(word[1])) != 0;
}

const OptionHelp* find_option(const std::vector<OptionHelp>& known, const std::string& name) {
  for (const OptionHelp& option : known) {
    if (option.name == name) { return &option; }
  }
  return nullptr;
}

bool is_boolean_word(const std::string& word) {
  for (const char* text : {"true", "false", "True", "False", "yes", "no", "on", "off", "0", "1"}) {
    if (word == text) { return true; }
  }
  return false;
}

// Reads the value words of one flag beginning at arguments[at]; returns how many were taken. An unknown flag takes
// what follows, one value or several: check_known names the flag, and none of its words is mistaken for another
// fault.
std::size_t take_values(const std::vector<std::string>& arguments, std::size_t at, const OptionHelp* option,
                        Setting& setting) {
  using Kind = detail::FieldKind;
  const bool has_next = at < arguments.size() && !is_flag(arguments[at]);
  if (option != nullptr && option->kind == Kind::kBool) {
    const bool explicit_value = has_next && is_boolean_word(arguments[at]);
    setting.text = explicit_value ? arguments[at] : "true";
    return explicit_value ? 1 : 0;
  }
  check_input(has_next || option == nullptr, setting.origin, ": a value is missing");
  if (option != nullptr && option->kind != Kind::kList) {
    setting.text = arguments[at];
    return 1;
  }
  std::size_t taken = 0;
  for (; at + taken < arguments.size() && !is_flag(arguments[at + taken]); ++taken) {
    for (const std::string& part : split(arguments[at + taken], ',')) {
      if (!trim(part).empty()) { setting.list.emplace_back(trim(part)); }
    }
  }
  setting.is_list = true;
  return taken;
}

// A later flag wins, as scripts that append their arguments expect; what it replaces is not lost in silence.
void warn_of_repeat(const Setting* earlier, const Setting& later) {
  if (earlier == nullptr || (earlier->text == later.text && earlier->list == later.list)) { return; }
  log_warning(cat(later.origin, ": given twice, the last one counts",
                  later.is_list ? "; several values go behind one flag" : ""));
}

}  // namespace

Settings parse_flags(const std::vector<std::string>& arguments, const std::vector<OptionHelp>& known,
                     const std::map<std::string, std::string>& aliases, std::vector<std::string>* words) {
  Settings settings;
  for (std::size_t at = 0; at < arguments.size();) {
    const std::string& word = arguments[at++];
    if (!is_flag(word)) {
      check_input(words != nullptr && !looks_like_short_flag(word), "'", word,
                  "' is not an option; options begin with --");
      words->push_back(word);
      continue;
    }
    const std::size_t equals = word.find('=');
    std::string name = canonical(word.substr(0, equals));
    Setting setting{.origin = word.substr(0, equals)};
    if (const auto alias = aliases.find(name); alias != aliases.end()) { name = alias->second; }
    const OptionHelp* option = find_option(known, name);
    if (option == nullptr && starts_with(name, "no_") && find_option(known, name.substr(3)) != nullptr) {
      settings.set(name.substr(3), "false", setting.origin);
      continue;
    }
    if (equals != std::string::npos) {
      setting.text = word.substr(equals + 1);
    } else {
      at += take_values(arguments, at, option, setting);
    }
    warn_of_repeat(settings.find(name), setting);
    settings.set(name, setting);
  }
  return settings;
}

}  // namespace una
