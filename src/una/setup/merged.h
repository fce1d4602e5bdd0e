#pragma once

#include <cstdint>
#include <string>

#include "una/setup/model_setup.h"
#include "una/setup/text_setup.h"

namespace una::setup {

// Base and adapter as one model folder (W + s B A computed in fp32, stored in `dtype`; shards of at most
// `shard_bytes`), with config and tokenizer files. Then reads it back and compares its logits (reward models:
// scores) with the adapter model's on a few token rows; returns the largest difference. InputError when it is
// over what the stored dtype explains. A folder that is wrong or unfinished has no config.json.
double write_merged(const ModelSetup& setup, const std::string& folder, const TextFolders& text,
                    std::int64_t shard_bytes = kShardBytes);

}  // namespace una::setup
