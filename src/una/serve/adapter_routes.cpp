// POST /v1/load_lora_adapter and /v1/unload_lora_adapter, as vLLM has them: the answer is plain text.
#include <ctime>
#include <exception>
#include <filesystem>
#include <utility>

#include "una/base/format.h"
#include "una/serve/routes.h"
#include "una/weights/peft_adapter.h"

namespace una::serve {
namespace {

net::Response plain(const std::string& text) {
  return {.status = 200, .content_type = "text/plain", .body = text};
}

// The folder of a path, which must be in adapter_root after all links and ".." are followed.
std::string folder_inside(const std::string& root, const std::string& path) {
  if (root.empty()) {
    throw HttpError(403, "adapters cannot be loaded here; start the server with --adapter_root DIR");
  }
  std::error_code failed;
  const std::filesystem::path base = std::filesystem::canonical(root, failed);
  const std::filesystem::path asked = path.empty() || path[0] == '/' ? path : (base / path).string();
  const std::filesystem::path folder = std::filesystem::canonical(asked, failed);
  const auto inside =
      std::mismatch(base.begin(), base.end(), folder.begin(), folder.end()).first == base.end();
  if (failed || !inside || folder == base || !std::filesystem::is_directory(folder, failed)) {
    throw HttpError(404, cat("no adapter folder ", path, " inside of adapter_root"));
  }
  return folder.string();
}

struct Files {
  LoraSpec spec;
  weights::StateDict state;
};

Files read_adapter(const std::string& folder) {
  Files files{.spec = weights::read_adapter_config(folder), .state = weights::read_adapter_weights(folder)};
  const bool has_head = files.spec.task_type == "SEQ_CLS" || files.state.has("score.weight");
  if (has_head) { throw HttpError(400, "the adapter is a reward model's; this server samples"); }
  return files;
}

}  // namespace

Routed load_adapter(Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  const std::string name = fields.text("lora_name").value_or(""),
                    path = fields.text("lora_path").value_or("");
  if (name.empty() || path.empty()) { throw HttpError(400, "both lora_name and lora_path are needed"); }
  const std::string folder = folder_inside(service.options.adapter_root, path);
  const bool in_place = fields.flag("load_inplace").value_or(false);
  if (service.models.has(name) && !in_place) {
    throw HttpError(400, cat("the model '", name, "' is loaded already; load_inplace replaces it"));
  }
  if (service.models.has(name) && !service.models.find(name)->adapter) {
    throw HttpError(400, cat("'", name, "' is the base model's name"));
  }
  auto files = std::make_shared<Files>(read_adapter(folder));
  service.engine->run([&service, files, name, folder, ticket = arrived.ticket](generate::Engine& engine) {
    try {
      const model::AdapterId id =
          service.served.model->load_adapter(files->spec, files->state, false, folder);
      const auto handle = std::make_shared<const generate::LoadedAdapter>(generate::LoadedAdapter{id});
      const double beta = service.served.beta_of ? service.served.beta_of(folder) : 0.1;
      generate::AdapterHandle before = service.models.put(
          {.name = name, .path = folder, .handle = handle, .created = std::time(nullptr), .beta = beta});
      if (before) { engine.retire(std::move(before)); }
      service.server->respond(ticket, plain(cat("Success: LoRA adapter '", name, "' added successfully.")));
    } catch (const InputError& error) {
      service.server->respond(ticket, error_answer(400, error.what()));
    } catch (const std::exception& error) {
      service.server->respond(ticket, error_answer(500, error.what()));
    }
  });
  return std::nullopt;
}

Routed unload_adapter(Service& service, const net::Arrived& arrived) {
  const openai::detail::Fields fields(arrived.body);
  const std::string name = fields.text("lora_name").value_or("");
  if (name.empty()) { throw HttpError(400, "lora_name is needed"); }
  if (service.options.adapter_root.empty()) {
    throw HttpError(403, "adapters cannot be unloaded here; start the server with --adapter_root DIR");
  }
  generate::AdapterHandle handle = service.models.remove(name);
  if (!handle) { throw HttpError(404, cat("the adapter '", name, "' is not loaded")); }
  // The last one to let go of the weights must be the engine's thread.
  service.engine->run([handle = std::make_shared<generate::AdapterHandle>(std::move(handle))](
                          generate::Engine& engine) { engine.retire(std::exchange(*handle, nullptr)); });
  return plain(cat("Success: LoRA adapter '", name, "' removed successfully."));
}

}  // namespace una::serve
