#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "una/base/json.h"
#include "una/core/step_batch.h"
#include "una/dist/gang.h"
#include "una/train/flat_buffer.h"

namespace una::train {

// What a checkpoint holds besides tensors (una_state.json; docs/formats/checkpoint.md).
struct RunState {
  RunPosition position;      // the next row to read
  std::int64_t updates = 0;  // optimiser updates applied
  std::int64_t tokens_seen = 0;
  std::int64_t skipped_steps = 0;
  double elapsed_seconds = 0;
  Json objective = Json::object();
  Json source = Json::object();                 // StepSource::state()
  std::string config;                           // run.yaml
  std::map<std::string, std::string> identity;  // "model", "data", "reference", ... -> content hash
  std::map<std::string, std::string> facts;     // not checked: "threads", "isa", "una"
  bool has_best = false;
  double best_metric = 0;
  std::int64_t best_step = 0;
  Json evaluators = Json::object();  // Evaluator::state() by its name
  std::int64_t early_stopping = -1;  // EarlyStopping::count()
  bool evaluation_due = false;       // a signal came before this step's evaluation was done
};

// What the caller writes into a checkpoint.
struct CheckpointFiles {
  std::function<void(const std::string& folder)> write_model;  // adapter or model, tokenizer files
  std::string trainer_state;                                   // text of trainer_state.json
  bool optimizer = true;                                       // flat values and moments, for resuming
  FlatBuffer* value_head = nullptr;                            // its values and moments too, unless nullptr
  dist::Gang* gang = nullptr;  // whose other ranks are in hand_over_moments(); nullptr: the moments are whole
};

// checkpoint-<step>.tmp, every file, manifest.json (sizes and hashes) last, fsync, rename. A checkpoint of the same
// step is replaced in one atomic exchange and deleted afterwards. Never changes the run.
void write_checkpoint(const std::string& output_dir, const RunState& state, FlatBuffer& buffer,
                      const CheckpointFiles& files);

// What the other ranks do while rank 0 writes optimiser state: each gives its part of the moments. A file holds them whole,
// whatever the number of ranks, but no rank does: parts pass one at a time. Nothing to do where moments are not split.
void hand_over_moments(FlatBuffer& buffer, dist::Gang& gang);

// InputError with the reason when the manifest is missing or a file differs from it.
RunState read_checkpoint(const std::string& folder);
// Values and moments (the own part), bit for bit; InputError when this run trains other tensors (named).
void load_optimizer(const std::string& folder, FlatBuffer& buffer, FlatBuffer* value_head = nullptr);

// The highest-numbered checkpoint with a valid manifest, or "" when there is none. One that a killed run wrote
// whole but did not name yet gets its name first.
std::string latest_checkpoint(const std::string& output_dir);
// Renames the folder first, so that a process killed half way leaves no checkpoint without its manifest. A folder
// that cannot be removed (NFS, permissions) is a warning: it must not end the run.
void remove_checkpoint(const std::string& folder);
std::string checkpoint_folder(const std::string& output_dir, std::int64_t step);
std::vector<std::int64_t> checkpoint_steps(const std::string& output_dir);  // sorted

// Retention: which of `steps` (sorted) to delete so that at most `limit` stay; the newest and `best` always stay. 0:
// delete none.
std::vector<std::int64_t> steps_to_delete(const std::vector<std::int64_t>& steps, std::int64_t limit,
                                          std::int64_t best);

}  // namespace una::train
