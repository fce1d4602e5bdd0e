#pragma once

#include <concepts>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "una/base/error.h"

// An options struct lists its fields once:
//
//   struct AdamOptions {
//     double learning_rate = 1e-6;
//     template <class V> void fields(V&& v) { v("learning_rate", learning_rate, "peak learning rate"); }
//   };
//
// Reading, printing and --help all come from that one list, so they cannot drift apart. A struct made of
// structs calls their fields(v) in turn. Field types: bool, std::int64_t, double, std::string,
// std::vector<std::string>, and std::optional of the first four.
namespace una {

// One value as the user wrote it, and where ("--beta", "run.yaml:12").
struct Setting {
  std::string text;
  std::vector<std::string> list;  // filled when is_list
  bool is_list = false;
  bool is_null = false;
  std::string origin;
};

// A run's flat keys. Dashes and underscores in keys are the same.
class Settings {
 public:
  void set(std::string_view key, Setting value);  // replaces
  void set(std::string_view key, std::string text, std::string origin);
  bool has(std::string_view key) const;
  const Setting* find(std::string_view key) const;
  void erase(std::string_view key);
  void merge(const Settings& stronger);  // `stronger` wins
  const std::map<std::string, Setting>& all() const { return values_; }

 private:
  std::map<std::string, Setting> values_;
};

// Flat YAML: scalars and lists of scalars. InputError with file:line on anything else.
Settings read_yaml_settings(const std::string& path);
Settings parse_yaml_settings(const std::string& text, const std::string& name);

namespace detail {

void parse_field(const Setting& setting, bool& field);
void parse_field(const Setting& setting, std::int64_t& field);
void parse_field(const Setting& setting, double& field);
void parse_field(const Setting& setting, std::string& field);
void parse_field(const Setting& setting, std::vector<std::string>& field);

template <class T>
void parse_field(const Setting& setting, std::optional<T>& field) {
  if (setting.is_null || (!setting.is_list && (setting.text == "null" || setting.text == "none"))) {
    field.reset();
    return;
  }
  T value{};
  parse_field(setting, value);
  field = std::move(value);
}

enum class FieldKind { kBool, kValue, kList };
inline FieldKind field_kind(const bool&) { return FieldKind::kBool; }
inline FieldKind field_kind(const std::optional<bool>&) { return FieldKind::kBool; }
inline FieldKind field_kind(const std::vector<std::string>&) { return FieldKind::kList; }
template <class T>
FieldKind field_kind(const T&) {
  return FieldKind::kValue;
}

std::string yaml_text(bool field);
std::string yaml_text(std::int64_t field);
std::string yaml_text(double field);
std::string yaml_text(const std::string& field);
std::string yaml_text(const std::vector<std::string>& field);

template <class T>
std::string yaml_text(const std::optional<T>& field) {
  return field ? yaml_text(*field) : "null";
}

}  // namespace detail

// One line of --help.
struct OptionHelp {
  std::string name, fallback, help;
  detail::FieldKind kind = detail::FieldKind::kValue;
};

// Fills `options` from `settings`; an unreadable value is an InputError naming its origin. Absent keys keep
// defaults. Unknown keys are not looked at here: see check_known.
template <class Options>
void read_options(const Settings& settings, Options& options) {
  options.fields([&](const char* name, auto& field, const char*) {
    if (const Setting* setting = settings.find(name)) { detail::parse_field(*setting, field); }
  });
}

// The resolved options as YAML, one line a key: valid input again.
template <class Options>
std::string print_options(Options options) {
  std::string out;
  options.fields([&](const char* name, auto& field, const char*) {
    out += std::string(name) + ": " + detail::yaml_text(field) + "\n";
  });
  return out;
}

template <class Options>
std::vector<OptionHelp> describe_options(Options options) {
  std::vector<OptionHelp> out;
  options.fields([&](const char* name, auto& field, const char* help) {
    out.push_back({name, detail::yaml_text(field), help, detail::field_kind(field)});
  });
  return out;
}

// InputError for the first key that is not in `known`: names the nearest known key, or, for a key of another
// program (LLaMA-Factory, axolotl, ...) in `foreign`, its translation.
void check_known(const Settings& settings, const std::vector<OptionHelp>& known,
                 const std::map<std::string, std::string>& foreign);

// --key value, --key=value, --key alone for booleans (--no_key: false), several values after a list key.
// Short names in `aliases` ("data" -> "dataset_name") are translated. Words that belong to no key go to
// `words` or, when that is nullptr, are an InputError. Keys are not checked against `known` here: see
// check_known.
Settings parse_flags(const std::vector<std::string>& arguments, const std::vector<OptionHelp>& known,
                     const std::map<std::string, std::string>& aliases, std::vector<std::string>* words);

}  // namespace una
