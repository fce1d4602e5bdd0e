#pragma once

#include "una/text/encoder.h"

namespace una::text {

// What a model's chat templates write of a conversation besides the turns of user and assistant. Some pass over
// tools or a system turn without a word.
struct Written {
  bool tools = true, system = true;
};

// Found by rendering a conversation that has them. A template that refuses it says so by itself where a row has them,
// and counts as one that writes.
Written what_is_written(const TextModel& model);

}  // namespace una::text
