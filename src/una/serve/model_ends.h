#pragma once

#include "una/core/sampling.h"
#include "una/serve/service.h"

namespace una::serve {

// The model's own end tokens join those at which the request wants its answer to end, unless it ignores them.
inline void add_model_ends(const Service& service, bool ignore_eos, SamplingParams& params) {
  if (ignore_eos) { return; }
  params.stop_ids.insert(params.stop_ids.end(), service.end_ids.begin(), service.end_ids.end());
}

}  // namespace una::serve
