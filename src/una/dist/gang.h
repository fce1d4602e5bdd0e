#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::dist {

// The ranks that train together. One process is a gang of one, so no caller tests whether the run is
// distributed. Every rank calls the same operations in the same order, and a rank never calls from two threads
// at once. Results are the same bits on every rank.
class Gang {
 public:
  virtual ~Gang() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  bool leads() const { return rank() == 0; }  // the rank that writes files and log lines

  virtual void sum(std::span<double> inout) = 0;  // all host numbers of a step in one message
  virtual void sum(at::Tensor& inout) = 0;        // in place, in the tensor's dtype
  virtual void broadcast(at::Tensor& inout, int root) = 0;
  // `whole` is size() equal parts, one behind the other; each rank has filled the one with its number. Afterwards every
  // rank has all of them.
  virtual void gather_parts(at::Tensor& whole) = 0;
  virtual bool any(bool mine) = 0;  // true on every rank when one rank gave true
  // By rank. gather returns an empty list on every rank but `root`.
  virtual std::vector<std::string> gather(const std::string& bytes, int root) = 0;
  virtual std::vector<std::string> gather_all(const std::string& bytes) = 0;
  virtual void barrier() = 0;
  virtual void abort(int exit_code) noexcept = 0;  // ends every rank
};

// One process that trains alone.
class SoloGang final : public Gang {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void sum(std::span<double> /*inout*/) override {}
  void sum(at::Tensor& /*inout*/) override {}
  void broadcast(at::Tensor& /*inout*/, int /*root*/) override {}
  void gather_parts(at::Tensor& /*whole*/) override {}
  bool any(bool mine) override { return mine; }
  std::vector<std::string> gather(const std::string& bytes, int /*root*/) override { return {bytes}; }
  std::vector<std::string> gather_all(const std::string& bytes) override { return {bytes}; }
  void barrier() override {}
  void abort(int exit_code) noexcept override;
};

// Reads the launcher's variables: WORLD_SIZE (torchrun), OMPI_COMM_WORLD_SIZE (mpirun), SLURM_NTASKS (only
// inside a job step: sbatch sets it in its own shell too). InputError for more than one rank: this build
// trains in one process, and N separate copies of the run would be worse than an error.
std::unique_ptr<Gang> make_gang();

}  // namespace una::dist
