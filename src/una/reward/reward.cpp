#include "una/reward/reward.h"

#include "una/base/error.h"

namespace una::reward {

Question question_of(const Example& example, std::size_t response) {
  check(response < example.responses.size(), "question_of: the row has no such answer");
  return {.prompt = example.prompt,
          .answer = example.responses[response].text,
          .tools = example.tools,
          .template_kwargs = example.template_kwargs};
}

}  // namespace una::reward
