#include <cctype>
#include <exception>
#include <map>

#include "una/base/ascii.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/serve/routes.h"

namespace una::serve {
namespace {

using Handler = Routed (*)(Service&, const net::Arrived&);

const std::map<std::string, Handler>& posts() {
  static const std::map<std::string, Handler> kRoutes = {
      {"/completions", complete},
      {"/chat/completions", chat},
      {"/tokenize", tokenize},
      {"/detokenize", detokenize},
      {"/load_lora_adapter", load_adapter},
      {"/unload_lora_adapter", unload_adapter},
      {"/score", score},
      {"/rerank", rerank},
      {"/classify", classify},
      {"/pooling", pooling},
      {"/get_reward", get_reward},
  };
  return kRoutes;
}

// "%2F" and the like undone; a path with a broken escape stays as it is.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape =
        text[i] == '%' && i + 2 < text.size() && std::isxdigit(text[i + 1]) && std::isxdigit(text[i + 2]);
    if (!escape) {
      out += text[i];
      continue;
    }
    out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
    i += 2;
  }
  return out;
}

bool is_json(std::string_view content_type) {
  return lower_ascii(std::string(trim(content_type.substr(0, content_type.find(';'))))) == "application/json";
}

Routed get(const Service& service, const std::string& path) {
  if (path == "/models") { return json_answer(service.models.list()); }
  if (starts_with(path, "/models/")) {
    const std::string name = unescaped(path.substr(8));
    if (const auto card = service.models.card(name)) { return json_answer(*card); }
    throw HttpError(404, cat("the model '", name, "' does not exist here; /v1/models lists what does"));
  }
  throw HttpError(404, cat("there is no ", path, " here"));
}

Routed dispatch(Service& service, const net::Arrived& request) {
  if (service.extra) {
    if (const std::optional<Routed> own = service.extra(service, request)) { return *own; }
  }
  const std::string path = target_of(request.target).path;
  const bool reads = request.method == "GET" || request.method == "HEAD";
  const auto found = posts().find(path);
  if (found == posts().end()) {
    if (reads) { return get(service, path); }
    throw HttpError(404, cat("there is no ", path, " here"));
  }
  if (request.method != "POST") { throw HttpError(405, cat(path, " takes POST")); }
  if (!is_json(request.header("content-type"))) {
    throw HttpError(415, "the body must be JSON, with the header Content-Type: application/json");
  }
  return found->second(service, request);
}

}  // namespace

Target target_of(const std::string& target) {
  const std::size_t mark = target.find('?');
  Target out{.path = target.substr(0, mark),
             .query = mark == std::string::npos ? "" : target.substr(mark + 1)};
  for (const char* version : {"/v1/", "/v2/"}) {
    if (starts_with(out.path, version)) { out.path.erase(0, 3); }
  }
  while (out.path.size() > 1 && out.path.back() == '/') { out.path.pop_back(); }
  return out;
}

void route(Service& service, const net::Arrived& request) {
  const auto respond = [&](const net::Response& answer) { service.server->respond(request.ticket, answer); };
  try {
    if (const Routed answer = dispatch(service, request)) { respond(*answer); }
  } catch (const HttpError& error) {
    respond(error_answer(error.status(), error.what()));
  } catch (const openai::BadRequest& error) {
    respond(error_answer(400, error.what(), error.param()));
  } catch (const InputError& error) {
    respond(error_answer(400, error.what()));
  } catch (const std::exception& error) {
    log_warning(cat("serve: ", request.method, " ", target_of(request.target).path, ": ", error.what()));
    respond(error_answer(500, "a fault of the server; its log has more"));
  }
}

}  // namespace una::serve
