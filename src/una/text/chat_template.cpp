#include "una/text/chat_template.h"

#include <cstdio>

#include "una/base/bridge_call.h"
#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/text/named_templates.h"

namespace una::text {
namespace {

// A JSON string. Invalid UTF-8 passes through: the bridge refuses it and names the place.
void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
      out += code;
    } else {
      out += c;
    }
  }
  out += '"';
}

void append_member(std::string& out, const char* key, std::string_view json) {
  if (json.empty()) { return; }
  out += ",\"";
  out += key;
  out += "\":";
  out += json;
}

// The request of una_template_render. JSON texts of the row are copied in unchanged; the bridge parses everything.
std::string request_json(const std::vector<Message>& messages, const RenderOptions& options) {
  std::string out = "{\"messages\":[";
  for (std::size_t i = 0; i < messages.size(); ++i) {
    out += i == 0 ? "{\"role\":" : ",{\"role\":";
    append_quoted(out, messages[i].role);
    out += ",\"content\":";
    append_quoted(out, messages[i].content);
    append_member(out, "extra", messages[i].extra);
    out += '}';
  }
  out += ']';
  append_member(out, "tools", options.tools);
  append_member(out, "documents", options.documents);
  append_member(out, "kwargs", options.template_kwargs);
  append_member(out, "add_generation_prompt", options.add_generation_prompt ? "true" : "false");
  append_member(out, "continue_final_message", options.continue_final_message ? "true" : "false");
  if (!options.date.empty()) {
    out += ",\"date\":";
    append_quoted(out, options.date);
  }
  out += '}';
  return out;
}

// The named template of a list of {name, template}: "tool_use" for rows with tools where there is one.
std::string pick_template(const Json& list, bool with_tools, const std::string& what) {
  std::string standard;
  std::vector<std::string> names;
  for (const Json& entry : list) {
    check_input(entry.is_object(), what + ": chat_template must be a string or a list of {name, template}");
    const std::string name = string_member(entry, "name", "", what);
    const std::string source = string_member(entry, "template", "", what);
    if (with_tools && name == "tool_use") { return source; }
    if (name == "default") { standard = source; }
    names.push_back(name);
  }
  check_input(!standard.empty(), what, ": of the chat templates ", join(names, ", "),
              " none is called default; name a file with --chat_template_path");
  return standard;
}

std::optional<std::string> template_of_config(const std::string& path, bool with_tools) {
  if (!is_file(path)) { return std::nullopt; }
  const Json config = read_json_file(path);
  const auto found = config.is_object() ? config.find("chat_template") : config.end();
  if (found == config.end() || found->is_null()) { return std::nullopt; }
  if (found->is_string()) { return found->get<std::string>(); }
  check_input(found->is_array(), path + ": chat_template must be a string or a list of {name, template}");
  return pick_template(*found, with_tools, path);
}

struct Found {
  std::string source, what;
};

// Named templates have files of their own next to the default one; as in Hugging Face, files win over the config.
std::optional<Found> find_template(const std::string& folder, bool with_tools) {
  const std::string tool_use = folder + "/additional_chat_templates/tool_use.jinja";
  for (const std::string& path : {with_tools ? tool_use : "", folder + "/chat_template.jinja"}) {
    if (is_file(path)) { return Found{read_file(path), path}; }
  }
  // Models that see images may have it with their processor only.
  for (const char* name : {"tokenizer_config.json", "chat_template.json", "processor_config.json"}) {
    const std::string config = cat(folder, "/", name);
    const std::optional<std::string> source = template_of_config(config, with_tools);
    if (source) { return Found{*source, config + " (chat_template)"}; }
  }
  return std::nullopt;
}

}  // namespace

struct ChatTemplate::Impl {
  explicit Impl(std::string name) : what(std::move(name)) {}
  ~Impl() { una_template_free(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  std::string what;
  una_template* handle = nullptr;
};

ChatTemplate::ChatTemplate(std::string_view source, std::string_view special_tokens_json,
                           const std::string& what, const TemplateLimits& limits)
    : impl_(std::make_unique<Impl>(what)) {
  const una_template_limits given{limits.megabytes, limits.seconds};
  una_text error{};
  bridge::check_status(una_template_new(bridge::borrow(source), bridge::borrow(special_tokens_json), given,
                                        &impl_->handle, &error),
                       error, what);
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

Rendered ChatTemplate::render(const std::vector<Message>& messages, const RenderOptions& options) const {
  const std::string request = request_json(messages, options);
  una_rendered out{};
  una_text error{};
  bridge::check_status(una_template_render(impl_->handle, bridge::borrow(request), &out, &error), error,
                       impl_->what);
  Rendered rendered;
  rendered.text.assign(out.text.data, out.text.size);
  for (std::size_t i = 0; i < out.spans_size; ++i) {
    rendered.generation.emplace_back(out.spans[2 * i], out.spans[2 * i + 1]);
  }
  una_rendered_free(out);
  return rendered;
}

bool ChatTemplate::marks_generation() const { return una_template_marks_generation(impl_->handle) != 0; }

std::optional<ChatTemplate> load_chat_template(const std::string& folder,
                                               const std::string& special_tokens_json,
                                               const std::string& path_override, bool with_tools,
                                               const TemplateLimits& limits) {
  if (!path_override.empty()) {
    return ChatTemplate(given_template(path_override), special_tokens_json, path_override, limits);
  }
  const std::optional<Found> found = find_template(folder, with_tools);
  if (!found) { return std::nullopt; }
  return ChatTemplate(found->source, special_tokens_json, found->what, limits);
}

std::string chat_template_source(const std::string& folder) {
  const std::optional<Found> found = find_template(folder, false);
  return found ? found->source : "";
}

}  // namespace una::text
