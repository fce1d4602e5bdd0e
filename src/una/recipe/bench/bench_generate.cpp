#include "una/recipe/bench/bench_generate.h"
#include "una/kernels/threads.h"
#include "una/recipe/command_line.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <memory>

#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <c10/core/GradMode.h>

#include "una/base/clock.h"
#include "una/base/error.h"
#include "una/base/format.h"
#include "una/base/json.h"
#include "una/generate/engine.h"
#include "una/model/model_memory.h"
#include "una/run/training_run.h"
#include "una/views/read_examples.h"

namespace una::recipe {
namespace {

// The keys of `una bench generate`.
struct GenerateBenchOptions {
  std::string model, adapter, pairs, dtype = "bfloat16", device = "cpu";
  std::int64_t batch = 16, samples = 1, prompt_tokens = 256, new_tokens = 128, threads = 0;
  bool exact_sampling = false;
  template <class V>
  void fields(V&& v) {
    v("model", model, "a model folder");
    v("adapter", adapter, "an adapter folder to decode with");
    v("pairs", pairs, "JSONL whose rows have a prompt");
    v("dtype", dtype, "bfloat16 | float32");
    v("device", device, setup::kDeviceHelp);
    v("batch", batch, "prompts answered at one time, from the top of the file");
    v("samples", samples, "answers to each prompt; above 1 the file's prompts are joined to one long text");
    v("prompt_tokens", prompt_tokens, "longer prompts are cut");
    v("new_tokens", new_tokens, "tokens an answer");
    v("exact_sampling", exact_sampling, "sums in one order, as in training");
    v("threads", threads, "0: all");
  }
};

setup::Compute compute_of(const GenerateBenchOptions& options) {
  setup::Compute compute{options.dtype, options.device};
  compute.exact_sampling = options.exact_sampling;
  return compute;
}

// What the machine allows right now.
struct Machine {
  double read_bytes = 0, flops = 0;  // a second
};

template <class Work>
double best_seconds(int times, const Work& work) {
  double best = 1e30;
  for (int i = 0; i < times; ++i) {
    const double begin = monotonic_seconds();
    work();
    best = std::min(best, monotonic_seconds() - begin);
  }
  return best;
}

// Reads a buffer of `bytes` on all threads.
double read_rate(std::int64_t bytes) {
  const std::int64_t count = bytes / 8;
  const auto buffer = std::make_unique<std::uint64_t[]>(static_cast<std::size_t>(count));
  std::atomic<std::uint64_t> all{0};
  const double seconds = best_seconds(7, [&] {
    at::parallel_for(0, count, 1 << 16, [&](std::int64_t begin, std::int64_t end) {
      std::uint64_t sum[8] = {};
      for (std::int64_t i = begin; i + 8 <= end; i += 8) {
        for (int lane = 0; lane < 8; ++lane) { sum[lane] ^= buffer[static_cast<std::size_t>(i + lane)]; }
      }
      for (const std::uint64_t lane : sum) { all ^= lane; }
    });
  });
  check(all == 0, "bench generate: zeros read as something else");
  return static_cast<double>(count * 8) / seconds;
}

Machine measure(std::int64_t weight_bytes, at::ScalarType type) {
  const at::Tensor a = at::randn({2048, 2048}).to(type), b = at::randn({2048, 2048}).to(type);
  const double product = best_seconds(5, [&] { at::mm(a, b); });
  return {read_rate(weight_bytes), 2.0 * 2048 * 2048 * 2048 / product};
}

// Loads the model once, then times answers and the machine.
class GenerateBench {
 public:
  explicit GenerateBench(const GenerateBenchOptions& options)
      : options_(options),
        setup_(setup::load_for_inference(options.model, options.adapter, compute_of(options))) {
    memory_ = model::plan_memory(setup_.folder.spec, {.dtype = setup_.model->dtype()});
    read_prompts();
  }

  Json run() {
    decode(2);  // warm-up
    const double prefill = decode(1), whole = decode(options_.new_tokens);
    const auto answers = static_cast<double>(answers_),
               tokens = answers * static_cast<double>(options_.new_tokens);
    const double rate = (tokens - answers) / (whole - prefill);
    const Machine machine = measure(static_cast<std::int64_t>(weight_bytes()), setup_.model->dtype());
    return {{"peer", "una-generate"},
            {"batch", answers_},
            {"samples", options_.samples},
            {"new_tokens", options_.new_tokens},
            {"prompt_tokens", prompt_tokens_},
            {"threads", at::get_num_threads()},
            {"tokens_per_s", tokens / whole},
            {"decode_tokens_per_s", rate},
            {"prefill_s", prefill},
            {"seconds", whole},
            {"read_gb_per_s", machine.read_bytes / 1e9},
            {"gemm_tflops", machine.flops / 1e12},
            {"weights_mb", weight_bytes() / 1e6},
            {"of_reading_limit", rate / answers * weight_bytes() / machine.read_bytes},
            {"over_floor", whole / floor_seconds(machine, true)},
            {"over_floor_not_overlapped", whole / floor_seconds(machine, false)},
            {"peak_mb", static_cast<double>(peak_memory_bytes()) / 1048576}};
  }

 private:
  void read_prompts() {
    rows::DataOptions data;
    data.dataset_name = {options_.pairs};
    const setup::TextSetup text = setup::load_text(options_.model, data, setup_.folder.spec);
    stop_ = text.eos_id();
    rows::ReadReport report;
    const auto limit = static_cast<std::size_t>(options_.prompt_tokens);
    for (const Example& example : views::read_prompts(data, report)) {
      std::vector<std::int32_t> ids = data::tokenise_prompt(example, data, text.encoder).ids;
      if (options_.samples > 1 && !prompts_.empty()) {
        prompts_[0].insert(prompts_[0].end(), ids.begin(), ids.end());
      } else {
        prompts_.push_back(std::move(ids));
      }
      const bool enough = options_.samples > 1 ? prompts_[0].size() >= limit
                                               : static_cast<std::int64_t>(prompts_.size()) >= options_.batch;
      if (enough) { break; }
    }
    for (auto& prompt : prompts_) { prompt.resize(std::min(prompt.size(), limit)); }
    check_input(!prompts_.empty(), options_.pairs, ": no row has a prompt");
    answers_ = static_cast<std::int64_t>(prompts_.size()) * options_.samples;
  }

  // Seconds for all answers; the engine is a new one each time, so prompts are computed again.
  double decode(std::int64_t new_tokens) {
    generate::Engine engine(*setup_.model, nullptr, {.max_batch = answers_, .adapter = setup_.policy});
    for (std::size_t i = 0; i < prompts_.size(); ++i) {
      for (std::int64_t sample = 0; sample < options_.samples; ++sample) {
        SamplingParams params;
        params.max_new_tokens = params.min_new_tokens = new_tokens;
        params.stop_ids = {stop_};
        engine.add({.id = static_cast<std::int64_t>(i),
                    .prompt = prompts_[i],
                    .params = params,
                    .sample = static_cast<std::uint64_t>(sample)});
      }
    }
    const double begin = monotonic_seconds();
    while (!engine.done()) { engine.step(); }
    prompt_tokens_ = engine.prompt_tokens();
    return monotonic_seconds() - begin;
  }

  double element_bytes() const { return static_cast<double>(c10::elementSize(setup_.model->dtype())); }
  // What a step of decoding reads of the model: all matrices once.
  double weight_bytes() const {
    return element_bytes() * static_cast<double>(memory_.linears + memory_.head);
  }

  // Prompts at the products' rate, each once; then each step reads (weights, the prompts' keys and values
  // once, the answers') and multiplies: the slower of the two where they overlap, else one after the other.
  double floor_seconds(const Machine& machine, bool overlapped) const {
    const auto answers = static_cast<double>(answers_), steps = static_cast<double>(options_.new_tokens - 1);
    const auto prompt = static_cast<double>(prompt_tokens_);
    const auto linears = static_cast<double>(memory_.linears), head = static_cast<double>(memory_.head);
    const double cached = memory_.cache_per_token * (prompt + answers * steps / 2) +
                          2 * memory_.state_per_sequence * answers;  // read and written
    const double read = (weight_bytes() + cached) / machine.read_bytes;
    const double multiply = 2 * answers * (linears + head) / machine.flops;
    const double step = overlapped ? std::max(read, multiply) : read + multiply;
    return 2 * (prompt * linears + static_cast<double>(prompts_.size()) * head) / machine.flops +
           steps * step;
  }

  GenerateBenchOptions options_;
  setup::ModelSetup setup_;
  model::ModelMemory memory_;
  std::vector<std::vector<std::int32_t>> prompts_;
  std::int32_t stop_ = 0;
  std::int64_t answers_ = 0, prompt_tokens_ = 0;
};

}  // namespace

HelpPage bench_generate_help() {
  return options_page<GenerateBenchOptions>(
      "usage: una bench generate --model DIR --pairs pairs.jsonl [--batch 16] [--samples 1] [--new_tokens 128]");
}

int bench_generate(const Arguments& arguments) {
  const auto options = read_command<GenerateBenchOptions>(arguments, {});
  check_input(!options.model.empty() && !options.pairs.empty(),
              "bench generate: --model and --pairs are needed");
  check_input(
      options.batch >= 1 && options.samples >= 1 && options.prompt_tokens >= 1 && options.new_tokens >= 2,
      "bench generate: batch, samples and prompt_tokens must be at least 1, new_tokens at least 2");
  kernels::set_threads(options.threads);
  std::printf("%s\n", GenerateBench(options).run().dump().c_str());
  return 0;
}

}  // namespace una::recipe
