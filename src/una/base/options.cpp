#include "una/base/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <yaml-cpp/yaml.h>

#include "una/base/files.h"
#include "una/base/format.h"

namespace una {
namespace {

std::string canonical(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

[[noreturn]] void unreadable(const Setting& setting, const char* wanted) {
  throw InputError(cat(setting.origin, ": ", wanted, " is needed, found '",
                       setting.is_list ? "[" + join(setting.list, ", ") + "]" : setting.text, "'"));
}

Setting read_node(const YAML::Node& value, const std::string& origin) {
  Setting setting{.origin = origin};
  if (value.IsNull()) {
    setting.is_null = true;
    setting.text = "null";
  } else if (value.IsScalar()) {
    setting.text = value.Scalar();
  } else if (value.IsSequence()) {
    setting.is_list = true;
    for (const YAML::Node& item : value) {
      check_input(item.IsScalar(), cat(origin, ": a list of plain values is needed"));
      setting.list.push_back(item.Scalar());
    }
  } else {
    throw InputError(cat(origin, ": nested keys are not understood; every key is flat"));
  }
  return setting;
}

bool needs_quotes(const std::string& text) {
  if (text.empty() || text == "null" || text == "true" || text == "false" || text == "~") return true;
  const std::string plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/.";
  if (plain.find(text.front()) == std::string::npos) return true;
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
  for (const auto& [key, value] : stronger.values_) values_[key] = value;
}

Settings parse_yaml_settings(const std::string& text, const std::string& name) {
  Settings settings;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return settings;
    check_input(root.IsMap(), cat(name, ": 'key: value' lines are needed"));
    for (const auto& entry : root) {
      const std::string key = entry.first.Scalar();
      const std::string origin = cat(name, ":", entry.first.Mark().line + 1, ": ", key);
      check_input(!settings.has(key), cat(origin, ": the key stands twice"));
      settings.set(key, read_node(entry.second, origin));
    }
  } catch (const YAML::Exception& error) {
    throw InputError(cat(name, ":", error.mark.line + 1, ": not valid YAML: ", error.msg));
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
  if (setting.is_list || error != std::errc() || end != text.data() + text.size())
    unreadable(setting, "a whole number");
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
  if (setting.is_list) unreadable(setting, "one value");
  field = setting.is_null ? "" : setting.text;
}

void parse_field(const Setting& setting, std::vector<std::string>& field) {
  field.clear();
  if (setting.is_null) return;
  if (setting.is_list) {
    field = setting.list;
    return;
  }
  for (const std::string& part : split(setting.text, ',')) {
    if (!trim(part).empty()) field.emplace_back(trim(part));
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
  if (!needs_quotes(field)) return field;
  std::string out = "\"";
  for (const char c : field) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string yaml_text(const std::vector<std::string>& field) {
  std::vector<std::string> parts;
  for (const std::string& item : field) parts.push_back(yaml_text(item));
  return "[" + join(parts, ", ") + "]";
}

}  // namespace detail

void check_known(const Settings& settings, const std::vector<OptionHelp>& known,
                 const std::map<std::string, std::string>& foreign) {
  std::vector<std::string> names;
  for (const OptionHelp& option : known) names.push_back(option.name);
  for (const auto& [key, setting] : settings.all()) {
    if (std::find(names.begin(), names.end(), key) != names.end()) continue;
    const auto translated = foreign.find(key);
    std::string hint;
    if (translated != foreign.end()) {
      hint = cat("; here it is called ", translated->second);
    } else if (const std::string near = nearest_name(key, names); !near.empty()) {
      hint = cat("; did you mean ", near, "?");
    }
    throw InputError(cat(setting.origin, ": unknown option", hint));
  }
}

}  // namespace una
