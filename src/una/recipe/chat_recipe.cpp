#include <cstdio>
#include <iostream>
#include <utility>

#include <unistd.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/log.h"
#include "una/base/os/interrupt.h"
#include "una/chat/chat_terminal.h"
#include "una/chat/chat_web.h"
#include "una/kernels/threads.h"
#include "una/recipe/command_line.h"
#include "una/recipe/commands.h"
#include "una/recipe/generate/generate_stream.h"
#include "una/recipe/serve/loaded_model.h"
#include "una/serve/app.h"
#include "una/views/read_examples.h"

namespace una::recipe {
namespace {

constexpr const char* kUsage =
    "usage: una chat --model DIR [--adapter DIR [DIR]] [--against_base] [--web] --out feedback.jsonl";

// The keys of `una chat`.
struct ChatKeys {
  ModelKeys model;
  SamplingParams sampling{.max_new_tokens = 512};
  std::string output_dir, name = "person";
  bool against_base = false, web = false;
  double repeat = 0.05;
  std::int64_t seed = 42, threads = 0, port = 0;
  rows::DataOptions data;
  template <class V>
  void fields(V&& v) {
    model.fields(v);
    v("output_dir", output_dir, "the JSONL file that votes are appended to (alias --out)");
    v("against_base", against_base, "compare the adapter with the base");
    v("web", web, "a page in the browser instead of the terminal");
    v("port", port, "of the page; 0: any that is free");
    v("name", name, "who votes: rows have the source chat:NAME");
    v("max_new_tokens", sampling.max_new_tokens, "longest answer in tokens");
    v("temperature", sampling.temperature, "divides the logits; 0: greedy");
    v("top_p", sampling.top_p, "nucleus sampling");
    v("repeat", repeat,
      "share of comparisons that are shown again, sides swapped, to see whether the votes agree");
    v("dataset_name", data.dataset_name,
      "files whose prompts are asked (alias --data); empty: what is typed");
    v("seed", seed, "of sides and samples");
    v("threads", threads, "compute threads; 0: all");
  }
};

void check_chat_keys(const ChatKeys& keys) {
  check_input(!keys.output_dir.empty(), "no file for the votes: give --out feedback.jsonl");
  check_input(keys.model.adapter.size() <= 2, "adapter: two at most can be compared");
  check_input(!keys.against_base || keys.model.adapter.size() == 1, "against_base needs one adapter");
  check_input(keys.repeat >= 0 && keys.repeat <= 1, "repeat must be between 0 and 1, not ", keys.repeat);
  check_input(keys.sampling.max_new_tokens > 0, "max_new_tokens must be 1 or more");
  check_input(keys.web || keys.data.dataset_name.empty(),
              "prompts of a file are asked by the page: add --web");
  generate::check_sampling(keys.sampling);
}

// The models that answer, by name; "" is the base.
struct Contestants {
  std::vector<chat::ChatDesk::Model> shown;
  std::vector<generate::AdapterHandle> handles;  // null: the base
};

Contestants contestants(const ChatKeys& keys, const LoadedModel& model) {
  Contestants out;
  for (const auto& adapter : model.adapters) {
    out.shown.push_back({adapter.name, adapter.weights});
    out.handles.push_back(adapter.handle);
  }
  if (out.shown.empty() || keys.against_base) {
    out.shown.push_back({"base", model.setup.folder.content_hash});
    out.handles.push_back(nullptr);
  }
  return out;
}

std::vector<std::vector<Message>> prompts_of(const ChatKeys& keys) {
  std::vector<std::vector<Message>> out;
  if (keys.data.dataset_name.empty()) { return out; }
  rows::DataOptions data = keys.data;
  data.allow_dropped = 1;
  rows::ReadReport report;
  for (const Example& example : views::read_prompts(data, report)) {
    out.push_back(example.prompt.is_chat ? example.prompt.messages
                                         : std::vector<Message>{{"user", example.prompt.plain, ""}});
  }
  check_input(!out.empty(), join(keys.data.dataset_name, ", "), ": no row has a prompt");
  return out;
}

SamplingParams sampling_params(const ChatKeys& keys, const LoadedModel& model) {
  SamplingParams params = keys.sampling;
  params.seed = static_cast<std::uint64_t>(keys.seed);
  params.stop_ids = model.setup.folder.spec.eos_ids;
  params.stop_ids.push_back(model.text.eos_id());
  return params;
}

int chat_in_terminal(const ChatKeys& keys, const LoadedModel& model, const Contestants& who,
                     chat::ChatDesk& desk) {
  generate::Engine engine(*model.setup.model, &model.text.tokenizer(), {});
  const SamplingParams params = sampling_params(keys, model);
  const bool is_person = ::isatty(STDIN_FILENO) != 0;
  std::uint64_t number = 0;
  const auto sample = [&](std::size_t index, const std::vector<Message>& turns) {
    const Text prompt = chat::prompt_text(turns, desk.is_chat());
    generate::Request request{.params = params, .adapter = who.handles[index]};
    request.prompt = model.text.encoder.prompt({.prompt = &prompt, .answers = {}});
    request.sample = number++;
    ShownAnswer shown = show_answer(engine, model.text.tokenizer(), std::move(request));
    if (shown.is_whole) { return std::optional(std::move(shown.text)); }
    if (is_person) { forget_ctrl_c(); }
    return std::optional<std::string>();
  };
  chat::ChatTerminal terminal({.desk = &desk,
                               .in = &std::cin,
                               .show = show,
                               .answer = sample,
                               .stopped = interrupted,
                               .sampling = {{"temperature", params.temperature},
                                            {"top_p", params.top_p},
                                            {"max_new_tokens", params.max_new_tokens},
                                            {"seed", params.seed}},
                               .is_person = is_person});
  terminal.run();
  return interrupted() ? 128 + interrupt_signal() : 0;
}

int chat_in_browser(const ChatKeys& keys, const LoadedModel& model, const Contestants& who,
                    chat::ChatDesk& desk) {
  serve::ServeOptions options;
  options.http.port = keys.port;
  std::vector<serve::Named> named;
  for (std::size_t i = 0; i < who.shown.size(); ++i) {
    named.push_back({who.shown[i].name, who.handles[i], 0});
  }
  const std::string token = serve::new_id("");
  chat::ChatWeb web(desk, named, keys.sampling, token);
  serve::App app(options, model.served(), "", [&web](serve::Service& service, const net::Arrived& request) {
    return web.route(service, request);
  });
  log_info(cat("open        http://127.0.0.1:", app.port(), "/#t=", token));
  const int code = serve::serve_until_signal(app, 1);
  log_info(cat("votes       ", desk.votes(), " in ", keys.output_dir,
               desk.agreement().empty() ? "" : ", " + desk.agreement()));
  return code;
}

}  // namespace

HelpPage chat_help(const Arguments&) { return options_page<ChatKeys>(kUsage); }

int run_chat(const Arguments& arguments) {
  const auto keys = read_command<ChatKeys>(arguments);
  check_chat_keys(keys);
  chat::VoteFile votes(keys.output_dir);
  std::vector<std::vector<Message>> prompts = prompts_of(keys);
  kernels::set_threads(keys.threads);
  const LoadedModel model = load_model(keys.model);
  check_input(!model.setup.model->has_reward_head(), "a reward model cannot generate");
  const Contestants who = contestants(keys, model);
  chat::ChatDesk desk({.models = who.shown,
                       .prompts = std::move(prompts),
                       .source = keys.name,
                       .repeat = keys.repeat,
                       .seed = static_cast<std::uint64_t>(keys.seed),
                       .is_chat = model.text.chat_template() != nullptr},
                      votes);
  return keys.web ? chat_in_browser(keys, model, who, desk) : chat_in_terminal(keys, model, who, desk);
}

}  // namespace una::recipe
