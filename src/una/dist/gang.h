#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace una::dist {

// The ranks that train together. One process is a gang of one, so no caller asks "am I distributed?". Every
// rank calls the same operations in the same order; never two threads at once.
class Gang {
 public:
  virtual ~Gang() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  virtual double sum(double value) = 0;     // same result on every rank
  virtual void sum(at::Tensor& inout) = 0;  // in place
  virtual void broadcast(at::Tensor& inout, int root) = 0;
  virtual std::vector<std::string> gather(const std::string& bytes, int root) = 0;  // empty on the others
  virtual void barrier() = 0;
  virtual void abort(int exit_code) noexcept = 0;  // ends every rank
};

class SoloGang final : public Gang {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  double sum(double value) override { return value; }
  void sum(at::Tensor&) override {}
  void broadcast(at::Tensor&, int) override {}
  std::vector<std::string> gather(const std::string& bytes, int) override { return {bytes}; }
  void barrier() override {}
  void abort(int exit_code) noexcept override;
};

// Reads the launcher's variables (OMPI_COMM_WORLD_SIZE, WORLD_SIZE, SLURM_NTASKS). InputError for more than
// one rank: this build trains in one process, and N separate copies would be worse than an error.
std::unique_ptr<Gang> make_gang();

}  // namespace una::dist
