#include "una/train/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <string_view>

#include <ATen/ops/empty.h>
#include <c10/core/GradMode.h>
#include <fcntl.h>

#include "una/base/error.h"
#include "una/base/files/files.h"
#include "una/base/format.h"
#include "una/base/hash.h"
#include "una/base/json_line.h"
#include "una/base/json_text.h"
#include "una/base/log.h"
#include "una/weights/safetensors.h"
#include "una/weights/safetensors_stream.h"

namespace una::train {
namespace fs = std::filesystem;
namespace {

constexpr int kFormatVersion = 1;
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kValueHeadPrefix = "value_head.";
constexpr const char* kStateFile = "una_state.json";
constexpr const char* kManifestFile = "manifest.json";
// Names of a checkpoint on its way: being written; whole, but an older one still has its name; that older one;
// no longer wanted.
constexpr const char* kUnfinished = ".tmp";
constexpr const char* kWhole = ".new";
constexpr const char* kOld = ".old";
constexpr const char* kRemoved = ".removed";

Json state_json(const RunState& state, const FlatBuffer& buffer) {
  Json tensors = Json::array();
  for (const FlatBuffer::Span& span : buffer.spans()) {
    tensors.push_back(Json{{"name", span.name}, {"size", span.size}});
  }
  return Json{
      {"format_version", kFormatVersion},
      {"step", state.position.step},
      {"epoch", state.position.epoch},
      {"row", state.position.row},
      {"updates", state.updates},
      {"tokens_seen", state.tokens_seen},
      {"skipped_steps", state.skipped_steps},
      {"elapsed_seconds", state.elapsed_seconds},
      {"objective", state.objective},
      {"source", state.source},
      {"identity", state.identity},
      {"facts", state.facts},
      {"best", state.has_best ? Json{{"metric", state.best_metric}, {"step", state.best_step}} : Json()},
      {"evaluators", state.evaluators},
      {"early_stopping", state.early_stopping},
      {"evaluation_due", state.evaluation_due},
      {"config", state.config},
      {"tensors", tensors}};
}

void write_manifest(const std::string& folder, std::int64_t step) {
  Json files = Json::object();
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) { continue; }
    files[fs::relative(entry.path(), folder).string()] =
        Json{{"size", entry.file_size()}, {"xxh3_128", hash_file(entry.path().string())}};
  }
  const Json manifest{
      {"format_version", kFormatVersion}, {"step", step}, {"world_size", 1}, {"files", files}};
  write_file(folder + "/" + kManifestFile, manifest.dump(2) + "\n");
}

// A flat tensor of a buffer with its name in optimizer.safetensors.
struct FlatTensor {
  std::string name;
  FlatBuffer* buffer;
  at::Tensor numbers;  // of the own part, where they are a moment's
  bool is_moment;
};

std::vector<FlatTensor> flat_tensors(FlatBuffer& buffer, FlatBuffer* value_head) {
  std::vector<FlatTensor> out;
  const auto add = [&](const std::string& prefix, FlatBuffer& one) {
    out.push_back({prefix + "exp_avg", &one, one.exp_avg(), true});  // sorted, as they are in the file
    out.push_back({prefix + "exp_avg_sq", &one, one.exp_avg_sq(), true});
    out.push_back({prefix + "values", &one, one.values(), false});
  };
  add("", buffer);
  if (value_head != nullptr) { add(kValueHeadPrefix, *value_head); }
  return out;
}

// The parts of a split moment from rank 0's to the last: each rank gives its own, and `take` sees them on rank 0. Every rank
// calls it.
void pass_parts(const FlatBuffer& buffer, const at::Tensor& own, dist::Gang& gang,
                const weights::StreamedTensor::Write& take) {
  for (int number = 0; number < buffer.parts(); ++number) {
    const std::int64_t size = buffer.part_size(number);
    at::Tensor part = number == gang.rank() ? own : at::empty({size}, own.options());
    if (number > 0 && size > 0) { gang.broadcast(part, number); }
    if (gang.leads()) { take(part); }
  }
}

void write_optimizer(const std::string& path, FlatBuffer& buffer, const CheckpointFiles& files) {
  std::vector<weights::StreamedTensor> streamed;
  for (const FlatTensor& each : flat_tensors(buffer, files.value_head)) {
    const bool split = each.is_moment && each.buffer->parts() > 1;
    check(!split || files.gang != nullptr, "moments of several ranks are written with the other ranks' help");
    streamed.push_back({each.name,
                        each.numbers.scalar_type(),
                        {each.buffer->size()},
                        [each, split, gang = files.gang](const weights::StreamedTensor::Write& write) {
                          split ? pass_parts(*each.buffer, each.numbers, *gang, write) : write(each.numbers);
                        }});
  }
  weights::write_streamed_safetensors(path, std::move(streamed));
}

// Runs `read` on una_state.json, which may hold anything: JSON errors become an InputError.
template <class Read>
auto from_state(const std::string& folder, const Read& read) {
  try {
    return read();
  } catch (const Json::exception& error) {
    throw InputError(cat(folder, "/", kStateFile, " is not the state of a run: ", json_reason(error),
                         "; resume from another checkpoint"));
  }
}

// "" when every file matches the manifest, else what is wrong.
std::string manifest_trouble(const std::string& folder, bool with_hashes) {
  const std::string path = folder + "/" + kManifestFile;
  if (!is_file(path)) { return "manifest.json is missing, so it was never written to its end"; }
  try {
    const Json manifest = read_json_file(path);  // named: the range-for does not extend a temporary's life
    for (const auto& [name, entry] : manifest.at("files").items()) {
      const std::string file = cat(folder, "/", name);
      if (!is_file(file)) { return cat(name, " is missing"); }
      if (fs::file_size(file) != entry.at("size").get<std::uint64_t>()) {
        return cat(name, " has another size");
      }
      if (with_hashes && hash_file(file) != entry.at("xxh3_128").get<std::string>()) {
        return cat(name, " was changed");
      }
    }
  } catch (const Json::exception& error) {
    return cat("manifest.json cannot be read (", json_reason(error), ")");
  } catch (const std::exception& error) { return cat("manifest.json cannot be read (", error.what(), ")"); }
  return "";
}

RunState parse_state(const Json& json) {
  RunState state;
  state.position = {json.at("step").get<std::int64_t>(), json.at("epoch").get<std::int64_t>(),
                    json.at("row").get<std::int64_t>()};
  state.updates = json.at("updates").get<std::int64_t>();
  state.tokens_seen = json.at("tokens_seen").get<std::int64_t>();
  state.skipped_steps = json.at("skipped_steps").get<std::int64_t>();
  state.elapsed_seconds = json.at("elapsed_seconds").get<double>();
  state.objective = json.at("objective");
  if (json.contains("source")) { state.source = json.at("source"); }
  state.config = json.at("config").get<std::string>();
  state.identity = json.at("identity").get<std::map<std::string, std::string>>();
  state.facts = json.at("facts").get<std::map<std::string, std::string>>();
  if (const Json& best = json.at("best"); !best.is_null()) {
    state.has_best = true;
    state.best_metric = best.at("metric").get<double>();
    state.best_step = best.at("step").get<std::int64_t>();
  }
  state.evaluators = json.value("evaluators", Json::object());  // absent in older checkpoints
  state.early_stopping = json.value("early_stopping", std::int64_t{-1});
  state.evaluation_due = json.value("evaluation_due", false);
  return state;
}

// One atomic step where the file system can exchange two names, so that a whole checkpoint of this step is there at
// every instant. False where it cannot.
bool exchange(const std::string& a, const std::string& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE) == 0;
}

// `temporary` is whole. An older checkpoint of the same step is deleted only once the new one has its name; where
// the names cannot be exchanged, both are there under other names in between, and latest_checkpoint finds them.
void put_in_place(const std::string& temporary, const std::string& target) {
  if (!fs::exists(target)) { return rename_folder(temporary, target); }
  const std::string fresh = target + kWhole;
  fs::remove_all(fresh);
  rename_folder(temporary, fresh);
  if (exchange(fresh, target)) { return remove_checkpoint(fresh); }
  const std::string old = target + kOld;
  fs::remove_all(old);
  rename_folder(target, old);
  rename_folder(fresh, target);
  remove_checkpoint(old);
}

// The step of a folder "checkpoint-<step><suffix>", or -1.
std::int64_t step_of(const fs::path& folder, std::string_view suffix) {
  const std::string name = folder.filename().string(), prefix = "checkpoint-";
  if (!starts_with(name, prefix) || !ends_with(name, suffix)) { return -1; }
  std::int64_t step = 0;
  const char* end = name.data() + name.size() - suffix.size();
  if (name.data() + prefix.size() >= end) { return -1; }
  const auto [stop, error] = std::from_chars(name.data() + prefix.size(), end, step);
  return error == std::errc() && stop == end ? step : -1;
}

std::vector<std::int64_t> steps_with(const std::string& output_dir, std::string_view suffix) {
  std::vector<std::int64_t> steps;
  if (!is_folder(output_dir)) { return steps; }
  for (const auto& entry : fs::directory_iterator(output_dir)) {
    const std::int64_t step = entry.is_directory() ? step_of(entry.path(), suffix) : -1;
    if (step >= 0) { steps.push_back(step); }
  }
  std::sort(steps.begin(), steps.end());
  return steps;
}

bool is_whole(const std::string& folder, bool with_hashes) {
  return is_folder(folder) && manifest_trouble(folder, with_hashes).empty();
}

// A run that was killed between writing a checkpoint and giving it its name left it under another one.
void recover_checkpoints(const std::string& output_dir) {
  for (const char* suffix : {kWhole, kUnfinished, kOld}) {
    for (const std::int64_t step : steps_with(output_dir, suffix)) {
      const std::string target = checkpoint_folder(output_dir, step);
      if (is_whole(target, false) || !is_whole(target + suffix, true)) { continue; }
      if (fs::exists(target)) { remove_checkpoint(target); }
      rename_folder(target + suffix, target);
      log_info(cat("found ", target, " whole under the name ", target, suffix, " of a run that was killed"));
    }
  }
}

}  // namespace

std::string checkpoint_folder(const std::string& output_dir, std::int64_t step) {
  return cat(output_dir, "/checkpoint-", step);
}

void write_checkpoint(const std::string& output_dir, const RunState& state, FlatBuffer& buffer,
                      const CheckpointFiles& files) {
  const std::string target = checkpoint_folder(output_dir, state.position.step);
  const std::string temporary = target + kUnfinished;
  fs::remove_all(temporary);
  try {
    make_folder(temporary);
    files.write_model(temporary);
    write_file(temporary + "/trainer_state.json", files.trainer_state);
    if (files.optimizer) { write_optimizer(temporary + "/" + kOptimizerFile, buffer, files); }
    write_file(temporary + "/" + kStateFile, print_json(state_json(state, buffer)));
    write_manifest(temporary, state.position.step);
    put_in_place(temporary, target);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
}

void hand_over_moments(FlatBuffer& buffer, dist::Gang& gang) {
  if (buffer.parts() == 1) { return; }
  for (const at::Tensor& own : {buffer.exp_avg(), buffer.exp_avg_sq()}) { pass_parts(buffer, own, gang, {}); }
}

void remove_checkpoint(const std::string& folder) {
  const std::string aside = folder + kRemoved;
  std::error_code error;
  fs::remove_all(aside, error);
  fs::rename(folder, aside, error);
  if (!error) { fs::remove_all(aside, error); }
  if (error) {
    log_warning(cat("cannot remove the old checkpoint ", folder, ": ", error.message(),
                    "; training goes on, remove it yourself"));
  }
}

RunState read_checkpoint(const std::string& folder) {
  check_input(is_folder(folder), folder, ": no such checkpoint folder");
  const std::string trouble = manifest_trouble(folder, true);
  check_input(trouble.empty(), folder, " is not a valid checkpoint: ", trouble);
  const Json json = read_json_file(folder + "/" + kStateFile);
  return from_state(folder, [&] {
    const Json& format = json.at("format_version");
    check_input(format == kFormatVersion, folder, ": written by another version of una (format ",
                format.dump(), "); go on with that version");
    RunState state = parse_state(json);
    const auto& at = state.position;
    check_input(at.step >= 0 && at.epoch >= 0 && at.row >= 0, folder, "/", kStateFile,
                ": step, epoch and row must not be negative");
    return state;
  });
}

void load_optimizer(const std::string& folder, FlatBuffer& buffer, FlatBuffer* value_head) {
  const std::string path = folder + "/" + kOptimizerFile;
  check_input(is_file(path), folder,
              " has no optimiser state (save_only_model), so it cannot be resumed; start "
              "from its adapter with --adapter instead");
  const Json then = read_json_file(folder + "/" + kStateFile);
  const auto& spans = buffer.spans();
  const bool same = from_state(folder, [&] {
    const Json& tensors = then.at("tensors");
    bool equal = tensors.size() == spans.size();
    for (std::size_t i = 0; equal && i < spans.size(); ++i) {
      equal = tensors.at(i).at("name") == spans[i].name && tensors.at(i).at("size") == spans[i].size;
    }
    return equal;
  });
  check_input(same, folder, ": other tensors were trained then; resume with the same adapter settings");
  const c10::AutoGradMode no_grad(false);
  const weights::StateDict state = weights::read_safetensors(path);
  for (FlatTensor& each : flat_tensors(buffer, value_head)) {
    const FlatBuffer& whole = *each.buffer;
    check_input(state.has(each.name) && state.at(each.name).numel() == whole.size(), path, ": ", each.name,
                " is missing or of another size than what this run trains");
    const at::Tensor then_flat = state.at(each.name).view({-1});
    each.numbers.copy_(each.is_moment ? then_flat.narrow(0, whole.own_begin(), whole.own_size()) : then_flat);
  }
}

std::vector<std::int64_t> checkpoint_steps(const std::string& output_dir) {
  return steps_with(output_dir, "");
}

std::string latest_checkpoint(const std::string& output_dir) {
  recover_checkpoints(output_dir);
  const std::vector<std::int64_t> steps = checkpoint_steps(output_dir);
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) {
    const std::string folder = checkpoint_folder(output_dir, *step);
    if (is_whole(folder, false)) { return folder; }
  }
  return "";
}

std::vector<std::int64_t> steps_to_delete(const std::vector<std::int64_t>& steps, std::int64_t limit,
                                          std::int64_t best) {
  std::vector<std::int64_t> out;
  if (limit <= 0 || steps.empty()) { return out; }
  auto surplus = static_cast<std::int64_t>(steps.size()) - limit;
  for (std::size_t i = 0; i + 1 < steps.size() && surplus > 0; ++i) {
    if (steps[i] == best) { continue; }
    out.push_back(steps[i]);
    --surplus;
  }
  return out;
}

}  // namespace una::train
