#include "una/text/named_templates.h"

#include <algorithm>
#include <string_view>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/text/embedded.h"

namespace una::text {
namespace {

struct NamedTemplate {
  std::string_view name, source;
  std::vector<std::string> marks;
};

const std::vector<NamedTemplate>& named_templates() {
  static const std::vector<NamedTemplate> all = {
      {"chatml", kChatml, {"<|im_start|>", "<|im_end|>"}},
      {"gemma", kGemma, {"<start_of_turn>", "<end_of_turn>"}},
      {"llama3", kLlama3, {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}},
      {"qwen2.5", kQwen25, {"<|im_start|>", "<|im_end|>"}}};
  return all;
}

const NamedTemplate* find_named(const std::string& name) {
  const auto& all = named_templates();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.name == name; });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

bool is_named_template(const std::string& name) { return find_named(name) != nullptr; }

std::vector<std::string> marks_of_template(const std::string& name) {
  const NamedTemplate* named = find_named(name);
  return named == nullptr ? std::vector<std::string>{} : named->marks;
}

std::string given_template(const std::string& path_or_name) {
  if (is_file(path_or_name)) { return read_file(path_or_name); }
  const NamedTemplate* named = find_named(path_or_name);
  check_input(named != nullptr, "--chat_template_path: there is no file \"", path_or_name,
              "\", and no template of that name; una knows chatml, gemma, llama3 and qwen2.5");
  return std::string(named->source);
}

}  // namespace una::text
