#pragma once

#include <string>
#include <vector>

#include "una/serve/service.h"
#include "una/setup/model_setup.h"
#include "una/setup/text_setup.h"

namespace una::recipe {

// The keys that say which model answers, of `una serve` and `una chat`.
struct ModelKeys {
  std::string model_name_or_path, chat_template_path, template_date;
  std::vector<std::string> adapter;
  setup::Compute compute;
  template <class V>
  void fields(V&& v) {
    v("model_name_or_path", model_name_or_path, "the base model's folder (alias --model)");
    v("adapter", adapter,
      "PEFT adapters on it, DIR or NAME=DIR; the first one answers requests without a model");
    compute.fields(v);
    v("chat_template_path", chat_template_path,
      "a Jinja file, or chatml | gemma | llama3 | qwen2.5; empty: the folder's own template");
    v("template_date", template_date, "what strftime_now tells templates; empty: a fixed date");
  }
};

// A base with its adapters, and how texts become ids for it.
struct LoadedModel {
  setup::ModelSetup setup;
  setup::TextSetup text;
  std::vector<serve::ModelList::Adapter> adapters;

  serve::ServedModel served() const;  // refers to this
};

// Reads `adapter` and the base, which an adapter's configuration may name.
LoadedModel load_model(ModelKeys keys);

}  // namespace una::recipe
