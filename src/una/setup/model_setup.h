#pragma once

#include <memory>
#include <string>

#include "una/core/model_spec.h"
#include "una/model/model.h"
#include "una/model/value_head.h"
#include "una/setup/run_config.h"
#include "una/setup/text_setup.h"
#include "una/train/reference.h"

namespace una::setup {

// A model folder as it is on disk.
struct ModelFolder {
  std::string path;
  ModelSpec spec;
  weights::StateDict weights;
  std::string content_hash;  // of the tensors
  std::string config;        // the text of config.json
};
ModelFolder read_model_folder(const std::string& path);
// For logs: "LlamaForCausalLM, 1,234 parameters"; of a composite model also how many its text decoder has.
std::string size_text(const ModelFolder& folder);
ModelSpec read_folder_spec(const std::string& path);  // config.json only, with the same complaints

// "float32", "bfloat16" or "auto" (as stored, fp16 becomes bf16). InputError on another word.
at::ScalarType compute_dtype(const std::string& name, const ModelSpec& spec);
// For training: "auto" is float32 on a CPU that has no instructions for products of bf16.
at::ScalarType training_dtype(const ModelOptions& options, const ModelSpec& spec);
// A log line that explains the choice on such a CPU; "" elsewhere.
std::string dtype_remark(const ModelOptions& options, const ModelSpec& spec);
const char* dtype_name(at::ScalarType dtype);
// "quantised to nf4: 55.6 MB for 106,168,320 numbers of the layers' matrices, ..."; "" where it is not.
std::string quantisation_remark(const model::Model& model);

// How a model computes where it is only read: its answers or its scores are wanted, nothing trains.
struct Compute {
  std::string dtype = "auto", device = "cpu";
  // A key of the commands that read one adapter: its change of the model times this. 1: as trained.
  double adapter_scale = 1;
  QuantiseOptions quantise;
  bool exact_sampling = false;
  template <class V>
  void fields(V&& v) {
    v("dtype", dtype, "compute: auto | float32 | bfloat16");
    v("device", device, kDeviceHelp);
    v("exact_sampling", exact_sampling,
      "log-probs of sampled and of scored tokens have the same bits, whatever else is computed at the time (CPU; "
      "docs/online.md)");
    quantise.fields(v);
  }
};

// A loaded policy with what trains. Its reference is the policy as it was at step 0, or ref_model.
struct ModelSetup {
  ModelFolder folder;
  std::unique_ptr<model::Model> model;
  model::AdapterId policy = model::kNoAdapter;
  model::AdapterId critic = model::kNoAdapter;    // ppo: an adapter of critic_model, or a second one of model
  std::unique_ptr<model::Model> critic_model;     // ppo with a critic of its own
  std::unique_ptr<model::Model> reference_model;  // full fine-tuning, or --ref_model
  std::unique_ptr<train::Reference> reference;    // none where the method needs none
  std::unique_ptr<model::ValueHead> value_head;   // V(x), where the method needs one
  std::string start_hash;   // of the adapter that was loaded, "" for none or a fresh one
  std::string critic_hash;  // of critic_from, "" without one
};

// `for_reward`: the model gets (or has) a reward head. `with_reference`: the method compares with one.
ModelSetup load_for_training(const RunConfig& config, bool for_reward, bool with_reference);

// Gives `setup` a value head: the one stored with the adapter (or model) the run starts from, else one
// that gives `initial_value` for every prompt.
void add_value_head(ModelSetup& setup, const RunConfig& config, double initial_value);

// InputError for values that no model could take.
void check_options(const ModelOptions& options);

// What an adapter computes: its tensors and what its configuration makes of them (scales, targets).
std::string adapter_hash(LoraSpec spec, const weights::StateDict& state);

// A LoRA adapter by the lora_... keys; `for_reward`: with a reward head, and no copy of lm_head.
LoraSpec fresh_lora(const ModelOptions& options, bool for_reward);

// The adapter with its change of the model multiplied by `scale`, from the base (0) through what was trained (1)
// and beyond: one training gives a family of policies, whose KL grows with it. InputError for adapters whose change is
// no product with a scale (DoRA, biases, modules saved whole).
LoraSpec scaled_adapter(LoraSpec spec, double scale);

// A model with an optional adapter, nothing trainable: score, generate, evaluation.
ModelSetup load_for_inference(const std::string& folder, const std::string& adapter, const Compute& compute);
// Hash of what decides the numbers of such a model: tensors, adapter, dtype and quantisation.
std::string inference_key(const ModelSetup& setup);

// The base's config.json for a whole model stored in `dtype`; a classification one where a head was added.
std::string stored_config(const ModelSetup& setup, at::ScalarType dtype);

inline constexpr std::int64_t kShardBytes = 5'000'000'000;  // larger weights go into several files

// The trained result as users take it back: a PEFT adapter, or the whole model with config.json; `text`, the files that
// it was trained with, next to it.
void write_trained(const ModelSetup& setup, const TextFiles& text, const RunConfig& config,
                   const std::string& folder);

}  // namespace una::setup
