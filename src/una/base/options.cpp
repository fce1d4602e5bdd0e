#include "una/base/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/utf8.h"

namespace una {
namespace {

// yaml-cpp takes minutes for files of a hundred megabytes, and for ones of many keys.
constexpr std::size_t kMostYamlBytes = std::size_t{1} << 20U;

std::string canonical(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

[[noreturn]] void unreadable(const Setting& setting, const char* wanted) {
  throw InputError(cat(setting.origin, ": ", wanted, " is needed, found '",
                       setting.is_list ? "[" + join(setting.list, ", ") + "]" : setting.text, "'"));
}

// "\N" and "\_" in quotes come out of yaml-cpp as bytes that are not UTF-8.
std::string scalar_text(const YAML::Node& node, const std::string& origin) {
  const std::string& text = node.Scalar();
  check_input(find_invalid_utf8(text) == std::string::npos, origin,
              ": an escape in the text is not understood; write the character itself");
  return text;
}

Setting read_node(const YAML::Node& value, const std::string& origin) {
  Setting setting{.origin = origin};
  if (value.IsNull()) {
    setting.is_null = true;
    setting.text = "null";
  } else if (value.IsScalar()) {
    setting.text = scalar_text(value, origin);
  } else if (value.IsSequence()) {
    setting.is_list = true;
    for (const YAML::Node& item : value) { setting.list.push_back(scalar_text(item, origin)); }
  }
  return setting;
}

// Members of a map or a list of maps, as keys with a dot: "model_init_kwargs.dtype". No key of ours has a dot, so
// check_known finds them, or its caller has passed over them. What is deeper is not looked at: aliases may repeat it
// a million times. Their place is that of the whole.
void read_members(const YAML::Node& value, const std::string& key, const std::string& origin,
                  Settings& settings) {
  std::int64_t number = 0;
  for (const auto& member : value) {
    const bool is_named = value.IsMap() && member.first.IsScalar();
    const std::string name = is_named ? scalar_text(member.first, origin) : std::to_string(number);
    const YAML::Node& found = value.IsMap() ? member.second : member;
    settings.set(cat(key, ".", name), found.IsScalar() || found.IsNull()
                                          ? read_node(found, origin)
                                          : Setting{.text = "{}", .origin = origin});
    ++number;
  }
  if (number == 0) { settings.set(key, Setting{.text = "null", .is_null = true, .origin = origin}); }
}

bool is_nested(const YAML::Node& value) {
  return value.IsMap() ||
         (value.IsSequence() &&
          std::any_of(value.begin(), value.end(), [](const YAML::Node& item) { return !item.IsScalar(); }));
}

// yaml-cpp replaces invalid UTF-8 by U+FFFD, and takes a NUL byte for the start of an escape.
void check_text(const std::string& text, const std::string& name) {
  const auto control = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F;
  };
  const auto bad = std::find_if(text.begin(), text.end(), control);
  const auto utf8_end = std::min(find_invalid_utf8(text), text.size());
  const auto end = std::min(bad, text.begin() + static_cast<std::ptrdiff_t>(utf8_end));
  if (end == text.end()) { return; }
  throw InputError(cat(name, ":", 1 + std::count(text.begin(), end, '\n'),
                       end == bad ? ": a control character, which YAML does not allow; take it out"
                                  : ": not valid UTF-8; save the file in UTF-8"));
}

// Only counts documents. yaml-cpp's own LoadAll never ends on a stray comma.
class DocumentCount : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& mark) override { line = mark.line + 1; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}

  int line = 0;  // of the last document
};

// The one map of a file; a null node for an empty file.
YAML::Node read_root(const std::string& text, const std::string& name) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentCount count;
  const bool second = parser.HandleNextDocument(count) && parser.HandleNextDocument(count);
  check_input(!second, name, ":", count.line,
              ": the map of keys ends above (a second document, or a stray sign); give one map "
              "of 'key: value' lines");
  YAML::Node root = YAML::Load(text);
  check_input(root.IsNull() || root.IsMap(), name, ": 'key: value' lines are needed");
  return root;
}

std::string hex_escape(char c) {
  constexpr const char* kDigits = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  return {'\\', 'x', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
}

bool needs_quotes(const std::string& text) {
  if (text.empty() || text == "true" || text == "false") { return true; }
  if (text == "null" || text == "Null" || text == "NULL") { return true; }
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/.";
  if (plain.find(text.front()) == std::string::npos) { return true; }
  return text.find_first_not_of(plain + "0123456789-+=@%") != std::string::npos;
}

}  // namespace

void Settings::set(std::string_view key, Setting value) { values_[canonical(key)] = std::move(value); }

void Settings::set(std::string_view key, std::string text, std::string origin) {
  set(key, Setting{.text = std::move(text), .origin = std::move(origin)});
}

bool Settings::has(std::string_view key) const { return find(key) != nullptr; }

const Setting* Settings::find(std::string_view key) const {
  const auto found = values_.find(canonical(key));
  return found == values_.end() ? nullptr : &found->second;
}

void Settings::erase(std::string_view key) { values_.erase(canonical(key)); }

void Settings::merge(const Settings& stronger) {
  for (const auto& [key, value] : stronger.values_) { values_[key] = value; }
}

Settings parse_yaml_settings(const std::string& text, const std::string& name) {
  check_input(text.size() <= kMostYamlBytes, name, ": ", text.size(),
              " bytes are too many for a file of keys (at most ", kMostYamlBytes,
              "); rows belong into a file of their own, which dataset_name names");
  check_text(text, name);
  Settings settings;
  try {
    for (const auto& entry : read_root(text, name)) {
      const std::string place = cat(name, ":", entry.first.Mark().line + 1, ": ");
      const std::string key = entry.first.IsScalar() ? scalar_text(entry.first, place + "a key") : "";
      check_input(!key.empty(), place, "a key must be a word, as in 'beta: 0.1'");
      const std::string origin = place + key;
      check_input(!settings.has(key), origin, ": duplicate key");
      if (is_nested(entry.second)) {
        read_members(entry.second, key, origin, settings);
      } else {
        settings.set(key, read_node(entry.second, origin));
      }
    }
  } catch (const YAML::DeepRecursion& error) {
    throw InputError(cat(name, ":", error.mark.line + 1, ": nested too deeply; every key is flat"));
  } catch (const YAML::Exception& error) {
    const std::string line = error.mark.is_null() ? "" : cat(":", error.mark.line + 1);
    throw InputError(cat(name, line, ": not valid YAML: ", error.msg));
  }
  return settings;
}

Settings read_yaml_settings(const std::string& path) { return parse_yaml_settings(read_file(path), path); }

namespace detail {

void parse_field(const Setting& setting, bool& field) {
  const std::string& text = setting.text;
  if (text == "true" || text == "True" || text == "yes" || text == "on" || text == "1") {
    field = true;
  } else if (text == "false" || text == "False" || text == "no" || text == "off" || text == "0") {
    field = false;
  } else {
    unreadable(setting, "true or false");
  }
}

void parse_field(const Setting& setting, std::int64_t& field) {
  const std::string& text = setting.text;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (setting.is_list || error != std::errc() || end != text.data() + text.size()) {
    unreadable(setting, "a whole number");
  }
  field = value;
}

void parse_field(const Setting& setting, double& field) {
  const std::string& text = setting.text;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (setting.is_list || error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    unreadable(setting, "a number");
  }
  field = value;
}

void parse_field(const Setting& setting, std::string& field) {
  if (setting.is_list) { unreadable(setting, "one value"); }
  field = setting.is_null ? "" : setting.text;
}

void parse_field(const Setting& setting, std::vector<std::string>& field) {
  field.clear();
  if (setting.is_null) { return; }
  if (setting.is_list) {
    field = setting.list;
    return;
  }
  for (const std::string& part : split(setting.text, ',')) {
    if (!trim(part).empty()) { field.emplace_back(trim(part)); }
  }
}

std::string yaml_text(bool field) { return field ? "true" : "false"; }

std::string yaml_text(std::int64_t field) { return std::to_string(field); }

std::string yaml_text(double field) {
  char buffer[64];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, field);
  check(error == std::errc(), "to_chars failed");
  return std::string(buffer, end);
}

std::string yaml_text(const std::string& field) {
  if (!needs_quotes(field)) { return field; }
  std::string out = "\"";
  for (const char c : field) {
    if (c == '\\' || c == '"') { out += '\\'; }
    if (c == '\n') {
      out += "\\n";
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      out += hex_escape(c);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string yaml_text(const std::vector<std::string>& field) {
  std::vector<std::string> parts;
  for (const std::string& item : field) { parts.push_back(yaml_text(item)); }
  return "[" + join(parts, ", ") + "]";
}

}  // namespace detail

namespace {

// The line in "run.yaml:12: beta"; 0 for a flag.
std::int64_t line_of(const Setting& setting) {
  const std::size_t end = setting.origin.rfind(": ");
  const std::size_t begin = end == std::string::npos ? end : setting.origin.rfind(':', end - 1);
  std::int64_t line = 0;
  if (begin != std::string::npos) {
    std::from_chars(setting.origin.data() + begin + 1, setting.origin.data() + end, line);
  }
  return line;
}

// "steps.a" of "run.yaml:1: steps" (read_members).
bool is_member(const std::string& key, const Setting& setting) {
  const std::size_t dot = key.find('.');
  return dot != std::string::npos && ends_with(setting.origin, ": " + key.substr(0, dot));
}

constexpr const char* kNested = "nested values are not understood; give one value, or a list of plain values";

// What helps with an unknown key: that our keys are flat, its name here, why there is nothing like it, or the nearest
// name; "" for none. A guess whose first letter differs seldom helps.
std::string hint_for(const std::string& key, bool nested, const std::vector<std::string>& names,
                     const std::map<std::string, std::string>& foreign) {
  const std::string whole = nested ? key.substr(0, key.find('.')) : key;
  if (const auto found = foreign.find(whole); found != foreign.end()) {
    const std::string& ours = found->second;  // "nothing: ..." where una has no such thing
    if (starts_with(ours, "nothing")) { return cat("una has ", ours); }
    for (const std::string& one : split(ours, '|')) {
      const std::string name = one.substr(0, one.find_first_of(" ,:"));
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        return cat("here it is called ", one);
      }
    }
  }
  if (nested) { return kNested; }
  const std::string near = nearest_name(key, names);
  return near.empty() || near.front() != key.front() ? "" : cat("did you mean ", near, "?");
}

}  // namespace

void check_known(const Settings& settings, const std::vector<OptionHelp>& known,
                 const std::map<std::string, std::string>& foreign) {
  std::vector<std::string> names;
  for (const OptionHelp& option : known) { names.push_back(option.name); }
  std::vector<std::pair<const Setting*, std::string>> unknown;  // and the hint
  for (const auto& [key, setting] : settings.all()) {
    const auto is_same = [&](const auto& other) { return other.first->origin == setting.origin; };
    if (std::find(names.begin(), names.end(), key) == names.end() &&
        std::none_of(unknown.begin(), unknown.end(), is_same)) {
      unknown.emplace_back(&setting, hint_for(key, is_member(key, setting), names, foreign));
    }
  }
  if (unknown.empty()) { return; }
  if (unknown.size() == 1) {
    const auto& [setting, hint] = unknown.front();
    if (hint == kNested) { throw InputError(cat(setting->origin, ": ", hint)); }
    throw InputError(cat(setting->origin, ": unknown option", hint.empty() ? "" : "; ", hint));
  }
  std::stable_sort(unknown.begin(), unknown.end(),
                   [](const auto& a, const auto& b) { return line_of(*a.first) < line_of(*b.first); });
  std::vector<std::string> parts;
  for (const auto& [setting, hint] : unknown) {
    parts.push_back(hint.empty() ? setting->origin : cat(setting->origin, " (", hint, ")"));
  }
  throw InputError(cat(unknown.size(), " unknown options: ", join(parts, ", ")));
}

}  // namespace una
