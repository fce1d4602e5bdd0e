#include "una/run/plan/operation_count.h"

namespace una::run {
namespace {

double as_double(std::int64_t value) { return static_cast<double>(value); }

// Operations of attention for a pair of tokens, in the layers that have it.
double attention_of_a_pair(const ModelSpec& spec) {
  std::int64_t sizes = 0;  // of a head, summed over the layers
  for (std::int64_t layer = 0; layer < spec.num_layers; ++layer) {
    sizes += spec.mixer(layer) == Mixer::kAttention ? spec.layer_head_dim(layer) : 0;
  }
  return 4 * as_double(spec.num_heads * sizes);
}

double pairs_of(const Segment& segment) {
  const double queries = segment.query_end - segment.query_begin;
  double keys = 0;
  for (const KeyRange& range : segment.keys) { keys += range.end - range.begin; }
  return queries * (keys - queries / 2);
}

}  // namespace

Work& Work::operator+=(const Work& other) {
  tokens += other.tokens;
  logps += other.logps;
  pairs += other.pairs;
  kl_tokens += other.kl_tokens;
  micro_batches += other.micro_batches;
  return *this;
}

Work& Work::operator*=(double factor) {
  for (double* each : {&tokens, &logps, &pairs, &kl_tokens, &micro_batches}) { *each *= factor; }
  return *this;
}

Work work_of(const PackedBatch& batch) {
  Work out;
  out.tokens = as_double(batch.num_tokens());
  out.logps = as_double(batch.num_logps());
  out.micro_batches = 1;
  for (const Segment& segment : batch.segments) { out.pairs += pairs_of(segment); }
  return out;
}

Work work_of(const StepBatch& step) {
  Work out;
  for (const PackedBatch& micro : step.micro_batches) { out += work_of(micro); }
  for (const PackedBatch& micro : step.offline) { out += work_of(micro); }
  for (const PackedBatch& micro : step.kl) { out.kl_tokens += as_double(micro.num_tokens()); }
  return out;
}

OperationCount::OperationCount(const ModelSpec& spec, const model::ModelMemory& memory, bool full,
                               bool checkpointing)
    : linears_(as_double(memory.linears)),
      head_(as_double(memory.head)),
      adapters_(full ? 0 : as_double(memory.trained)),
      attention_(attention_of_a_pair(spec)),
      full_(full),
      checkpointing_(checkpointing) {}

double OperationCount::forward(const Work& work) const {
  return 2 * linears_ * work.tokens + attention_ * work.pairs + 2 * head_ * work.logps;
}

double OperationCount::training(const Work& work) const {
  const double layers = 2 * linears_ * work.tokens + attention_ * work.pairs;
  const double backward = (full_ ? 4 : 2) * linears_ * work.tokens + 2.5 * attention_ * work.pairs;
  const double head = (full_ ? 8 : 4) * head_ * work.logps;
  return layers + backward + head + 6 * adapters_ * work.tokens + (checkpointing_ ? layers : 0);
}

double OperationCount::mismatched(const Work& work) const { return 2 * 2 * linears_ * work.kl_tokens; }

OperationCount operation_count(const setup::RunConfig& config, const ModelSpec& spec,
                               const model::ModelMemory& memory) {
  return {spec, memory, !config.model.use_peft, config.train.gradient_checkpointing};
}

}  // namespace una::run
