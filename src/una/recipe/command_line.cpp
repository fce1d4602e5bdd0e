#include "una/recipe/command_line.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/weights/peft_adapter.h"

namespace una::recipe {
namespace {

std::set<std::string> names_of(const std::vector<OptionHelp>& options) {
  std::set<std::string> names;
  for (const OptionHelp& option : options) { names.insert(option.name); }
  return names;
}

}  // namespace

bool wants_help(const Arguments& arguments) {
  return std::any_of(arguments.begin(), arguments.end(),
                     [](const std::string& word) { return word == "--help" || word == "-h"; });
}

std::string help_word(const Arguments& arguments) {
  const auto help = std::find(arguments.begin(), arguments.end(), "--help");
  return help == arguments.end() || help + 1 == arguments.end() ? "" : help[1];
}

bool wants_all_help(const Arguments& arguments) { return help_word(arguments) == "all"; }

HelpPage help_page(const std::string& usage, const std::vector<OptionHelp>& options) {
  const std::set<std::string> of_data = names_of(describe_options(rows::DataOptions{}));
  HelpGroup own{"options (--key value; dashes and underscores are the same)", {}}, data{"data", {}};
  for (const OptionHelp& option : options) {
    (of_data.count(option.name) > 0 ? data : own).options.push_back(option);
  }
  return {usage, {own, data}};
}

void print_help(const HelpPage& page) { std::printf("%s", help_text(page, terminal_width()).c_str()); }

Settings read_settings(const Arguments& arguments, const std::vector<OptionHelp>& known,
                       const std::map<std::string, std::string>& aliases) {
  std::vector<OptionHelp> all = known;
  all.push_back(setup::config_key());
  all.push_back(setup::download_key());
  Settings flags = parse_flags(arguments, all, aliases, nullptr), settings;
  if (const Setting* file = flags.find("config")) {
    const setup::RunConfig defaults;
    const std::set<std::string> of_runs = names_of(describe_options(defaults));
    const Settings from_file = setup::read_config_file(file->text, aliases);
    for (const auto& [key, value] : from_file.all()) {
      const auto own =
          std::find_if(known.begin(), known.end(), [&](const OptionHelp& o) { return o.name == key; });
      // A run's "auto" leaves a choice to the program; to a command with a plain switch it is as if it were not given.
      const bool is_open =
          own != known.end() && own->kind == detail::FieldKind::kBool && value.text == "auto";
      if (!is_open && (own != known.end() || of_runs.count(key) == 0)) { settings.set(key, value); }
    }
    flags.erase("config");
  }
  settings.merge(flags);
  setup::apply_download_key(settings);
  setup::check_keys(settings, known);
  return settings;
}

void find_model(std::string& model, const std::string& adapter) {
  if (!model.empty() || adapter.empty()) { return; }
  std::string base = weights::read_adapter_config(adapter).base_model_name_or_path;
  check_input(!base.empty(), adapter, ": the adapter does not name its base model; give it with --model");
  hub::resolve(base);
  check_input(is_file(base + "/config.json"), adapter, ": the adapter's base model '", base,
              "' is not a model folder on this machine; give the base with --model");
  model = base;
}

}  // namespace una::recipe
