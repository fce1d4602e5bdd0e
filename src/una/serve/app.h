#pragma once

#include <functional>
#include <memory>
#include <string>

#include "una/net/server.h"
#include "una/serve/service.h"

namespace una::serve {

// The running server: the HTTP thread, desk threads, the engine's and the replies'. It serves from construction to
// destruction.
class App {
 public:
  // `key`: what callers must show; "": nothing. InputError where the address cannot be listened at.
  App(const ServeOptions& options, const ServedModel& model, const std::string& key, ExtraRoutes extra = {});
  ~App();
  App(const App&) = delete;
  App& operator=(const App&) = delete;

  int port() const;
  Named named(const std::string& name) const;  // a model of the server's
  std::size_t jobs() const;                    // requests that are being answered
  // New requests are refused with 503; /health too.
  void drain();
  // What is still running fails with 503, and streams end with an error event.
  void fail_rest();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Serves until a signal comes, then drains for shutdown_timeout seconds; a second signal ends it at once (the
// program's own handler). Returns the exit code 0.
int serve_until_signal(App& app, double shutdown_timeout);

}  // namespace una::serve
