#pragma once

#include <string>
#include <vector>

#include "una/setup/model_setup.h"
#include "una/setup/text_setup.h"

namespace una::study {

// The model alone, or with an adapter. The name is a folder of --out, so it is unlike the others'.
struct EvalPolicy {
  std::string name, hash;
  model::AdapterId adapter = model::kNoAdapter;
};

// A model that is evaluated, alone first ("model") and then with each adapter.
struct EvalModel {
  setup::ModelSetup setup;
  setup::TextSetup text;
  std::vector<EvalPolicy> policies;

  std::vector<std::int32_t> stop_ids() const;  // end a written answer
};

// InputError for a reward model, and for adapters that do not fit.
EvalModel load_eval_model(const std::string& folder, const std::vector<std::string>& adapters,
                          const setup::Compute& compute);

}  // namespace una::study
