#pragma once

#include <span>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/sampling.h"
#include "una/generate/engine.h"
#include "una/text/tokenizer.h"

namespace una::rollout {

// The bytes of POST /v1/completions: what is asked and how an answer is read. vLLM and SGLang take the prompt
// as ids and, with return_token_ids, give the answer's ids; other servers give text.

// What an answer is read against.
struct CompletionContext {
  std::span<const std::int32_t> prompt;
  const SamplingParams* params = nullptr;
  const text::Tokenizer* tokenizer = nullptr;
  std::int64_t vocabulary = 0;  // ids the policy knows: 0 .. vocabulary - 1
  std::int32_t eos_id = -1;     // the end that a server means which stops and does not say at what
};

// Every sampling key is said, 1 and 0 too: servers take absent ones from the model's generation_config.json.
// `weights` names those that are to answer, and salts the server's prefix cache: vLLM knows an adapter by its
// name and path only, and would go on from keys and values that the adapter before it computed. "": not said.
Json completion_request(const std::string& model, const CompletionContext& context, std::uint64_t seed,
                        const std::string& weights = "");

// A server's answer, checked.
struct Completion {
  std::string failure;                 // why there is no answer; "" : there is one
  std::vector<std::int32_t> ids = {};  // at least one; with the end-of-sequence id where one was sampled
  std::string text = {};               // as generate::Output::text
  std::vector<float> logps = {};       // one an id, or none where the server gave no ids or no log-probs
  generate::Output::Finish finish = generate::Output::Finish::kLength;
  bool retokenised = false;  // the server gave text only: the ids are the tokenizer's, not the sampled ones
  bool mismatched = false;   // and it shows: another number of tokens, or a text that they do not make
};

// The body of a good answer (status 200). Ids outside the vocabulary, other prompt ids than were sent, more
// tokens than were asked for, an answer without tokens or that ended otherwise than by "stop" or "length" are
// failures.
Completion read_completion(const std::string& body, const CompletionContext& context);

}  // namespace una::rollout
