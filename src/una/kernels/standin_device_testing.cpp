#include "una/kernels/standin_device_testing.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_native.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include "una/base/error.h"
#include "una/base/format.h"
#include "una/kernels/devices.h"
#include "una/kernels/reference.h"

namespace una::kernels::testing {
namespace {

constexpr std::size_t kArenaBytes = std::size_t{1} << 32;  // address space; pages are allocated on first use
constexpr c10::DeviceType kType = c10::DeviceType::PrivateUse1;

// One in-memory file, mapped twice: device pointers point into a mapping without access, and `seen` maps the
// same bytes for the copies.
class Arena {
 public:
  static Arena& get() {
    static Arena* arena = new Arena;  // outlives every tensor
    return *arena;
  }
  void* take(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    TORCH_CHECK_WITH(OutOfMemoryError, limit == 0 || used + bytes <= limit, "the stand-in device is full");
    std::vector<std::byte*>& free = free_[rounded(bytes)];
    if (free.empty()) {
      check(next_ + rounded(bytes) <= kArenaBytes, "the stand-in device is out of memory");
      free.push_back(hidden_ + next_);
      next_ += rounded(bytes);
    }
    std::byte* taken = free.back();
    free.pop_back();
    size_[taken] = bytes;
    used += bytes;
    return taken;
  }
  void give_back(void* pointer) {
    const std::lock_guard lock(mutex_);
    auto* bytes = static_cast<std::byte*>(pointer);
    free_[rounded(size_.at(bytes))].push_back(bytes);
    used -= size_.at(bytes);
  }
  std::atomic<std::size_t> limit = 0, used = 0;
  void* seen(const void* pointer) { return seen_ + (static_cast<const std::byte*>(pointer) - hidden_); }

 private:
  Arena() {
    const int file = memfd_create("una-standin", 0);
    check(file >= 0 && ftruncate(file, static_cast<off_t>(kArenaBytes)) == 0,
          "no memory for the stand-in device");
    hidden_ = map(file, PROT_NONE);
    seen_ = map(file, PROT_READ | PROT_WRITE);
    close(file);
  }
  static std::byte* map(int file, int protection) {
    void* out = mmap(nullptr, kArenaBytes, protection, MAP_SHARED | MAP_NORESERVE, file, 0);
    check(out != MAP_FAILED, "no address space for the stand-in device");
    return static_cast<std::byte*>(out);
  }
  static std::size_t rounded(std::size_t bytes) {
    std::size_t size = 64;
    while (size < bytes) { size *= 2; }
    return size;
  }

  std::mutex mutex_;
  std::byte *hidden_ = nullptr, *seen_ = nullptr;
  std::size_t next_ = 0;
  std::map<std::size_t, std::vector<std::byte*>> free_;
  std::map<std::byte*, std::size_t> size_;
};

void give_back(void* pointer) { Arena::get().give_back(pointer); }

// Allocates from the arena.
struct StandinAllocator final : c10::Allocator {
  c10::DataPtr allocate(std::size_t bytes) override {
    void* pointer = bytes == 0 ? nullptr : Arena::get().take(bytes);
    return {pointer, pointer, bytes == 0 ? &c10::detail::deleteNothing : &give_back, {kType, 0}};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &give_back; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::copy_n(static_cast<const std::byte*>(Arena::get().seen(from)), bytes,
                static_cast<std::byte*>(Arena::get().seen(to)));
  }
};

StandinAllocator& allocator() {
  static StandinAllocator one;
  return one;
}

// The device guard that LibTorch requires of a device type.
struct StandinGuard final : c10::impl::NoOpDeviceGuardImpl<kType> {
  c10::Device exchangeDevice(c10::Device /*device*/) const override { return {kType, 0}; }
  c10::Device getDevice() const override { return {kType, 0}; }
  c10::Stream getStream(c10::Device /*device*/) const noexcept override { return stream(); }
  c10::Stream getDefaultStream(c10::Device /*device*/) const override { return stream(); }
  c10::Stream getNewStream(c10::Device /*device*/, int /*priority*/) const override { return stream(); }
  c10::Stream exchangeStream(c10::Stream /*stream*/) const noexcept override { return stream(); }
  void record(void** /*event*/, const c10::Stream& /*stream*/, c10::DeviceIndex /*index*/,
              c10::EventFlag /*flag*/) const override {}
  void block(void* /*event*/, const c10::Stream& /*stream*/) const override {}
  bool queryEvent(void* /*event*/) const override { return true; }

 private:
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, {kType, 0}); }
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, StandinGuard)

// The hooks that LibTorch requires of a device type.
struct StandinHooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex /*index*/) const override { return true; }
  void init() const override {}
};

// A tensor of either device as a CPU tensor over the same bytes.
at::Tensor on_cpu(const at::Tensor& tensor) {
  if (tensor.is_cpu() || tensor.numel() == 0) {
    return tensor.is_cpu() ? tensor : at::empty(tensor.sizes(), tensor.scalar_type());
  }
  void* bytes = Arena::get().seen(tensor.const_data_ptr());
  return at::from_blob(bytes, tensor.sizes(), tensor.strides(), tensor.scalar_type());
}

at::Tensor empty_memory_format(at::IntArrayRef size, std::optional<at::ScalarType> dtype,
                               std::optional<at::Layout> /*layout*/, std::optional<at::Device> /*device*/,
                               std::optional<bool> /*pin*/, std::optional<at::MemoryFormat> format) {
  constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);
  return at::detail::empty_generic(size, &allocator(), kKeys, c10::dtype_or_default(dtype), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                         std::optional<at::Layout> /*layout*/, std::optional<at::Device> /*device*/,
                         std::optional<bool> /*pin*/) {
  constexpr c10::DispatchKeySet kKeys(c10::DispatchKey::PrivateUse1);
  return at::detail::empty_strided_generic(size, stride, &allocator(), kKeys, c10::dtype_or_default(dtype));
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool /*non_blocking*/) {
  on_cpu(to).copy_(on_cpu(from));
  return to;
}

// NOLINTBEGIN(bugprone-return-const-ref-from-parameter): resize_'s signature
const at::Tensor& resized(const at::Tensor& self, at::IntArrayRef size,
                          std::optional<at::MemoryFormat> /*format*/) {
  self.unsafeGetTensorImpl()->set_sizes_contiguous(size);
  const c10::Storage& storage = self.storage();
  if (storage.nbytes() >= self.nbytes()) { return self; }
  check(storage.nbytes() == 0, "the stand-in device makes room in empty tensors only");
  storage.set_data_ptr_noswap(allocator().allocate(self.nbytes()));
  storage.set_nbytes(self.nbytes());
  return self;
}
// NOLINTEND(bugprone-return-const-ref-from-parameter)

at::Tensor copy_from_and_resize(const at::Tensor& from, const at::Tensor& to) {
  if (to.sizes() != from.sizes()) { resized(to, from.sizes(), {}); }
  return copy_from(from, to, false);
}

at::Scalar local_scalar(const at::Tensor& tensor) { return on_cpu(tensor).item(); }

at::Tensor as_strided(const at::Tensor& self, at::IntArrayRef size, at::IntArrayRef stride,
                      std::optional<std::int64_t> offset) {
  return at::native::as_strided_tensorimpl(self, size, stride, offset);
}

at::Tensor reshape_alias(const at::Tensor& self, at::IntArrayRef size, at::IntArrayRef stride) {
  return at::native::_reshape_alias(self, size, stride);
}

void check_devices(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto check_one = [&](const at::Tensor& tensor) {
    const bool number = tensor.defined() && tensor.is_cpu() && tensor.dim() == 0;
    if (!tensor.defined() || number || tensor.device().type() == kType) { return; }
    throw InternalError(cat(op.schema().name(), ": tensors of several devices"));
  };
  const std::size_t count = op.schema().arguments().size();
  for (std::size_t i = stack.size() - count; i < stack.size(); ++i) {
    const c10::IValue& value = stack[i];
    if (value.isTensor()) { check_one(value.toTensor()); }
    if (value.isTensorList()) {
      for (const at::Tensor& tensor : value.toTensorVector()) { check_one(tensor); }
    }
  }
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  check_devices(op, *stack);
  at::native::cpu_fallback(op, stack);
}

// Packed sequences as segments, from their boundaries: each sequence has its own rows of keys and queries.
std::vector<Segment> segments_of(const at::Tensor& queries, const at::Tensor& keys) {
  const at::Tensor q = on_cpu(queries), k = on_cpu(keys);
  std::vector<Segment> out;
  for (std::int64_t i = 0; i + 1 < q.numel(); ++i) {
    out.push_back({q[i].item<std::int32_t>(),
                   q[i + 1].item<std::int32_t>(),
                   {{k[i].item<std::int32_t>(), k[i + 1].item<std::int32_t>()}}});
  }
  return out;
}

// AttentionParams' window from the number of keys before a query's own that it sees; -1 or none: all.
std::int64_t window_of(const std::optional<c10::SymInt>& left) {
  const std::int64_t before = left.has_value() ? left->expect_int() : -1;
  return before + 1;
}

at::Tensor flash(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& cu_q,
                 const at::Tensor& cu_k, std::optional<double> scale, std::int64_t window) {
  const double usual = 1 / std::sqrt(static_cast<double>(q.size(2)));
  return reference::attention(q, k, v, segments_of(cu_q, cu_k),
                              {.scale = scale.value_or(usual), .window = window});
}

// NOLINTBEGIN(performance-unnecessary-value-param): the operators' signatures
using FlashOutput = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

FlashOutput flash_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const std::optional<at::Tensor>& cu_q, const std::optional<at::Tensor>& cu_k,
                          c10::SymInt /*max_q*/, c10::SymInt /*max_k*/, double /*dropout*/, bool causal,
                          bool /*debug*/, std::optional<double> scale, std::optional<c10::SymInt> left,
                          std::optional<c10::SymInt> /*right*/, const std::optional<at::Tensor>& /*used*/,
                          const std::optional<at::Tensor>& /*slopes*/) {
  check(causal && q.scalar_type() == at::kBFloat16, "flash attention takes bf16, and here causal calls only");
  const at::Tensor none, out = flash(on_cpu(q), on_cpu(k), on_cpu(v), cu_q.value_or(none),
                                     cu_k.value_or(none), scale, window_of(left));
  const at::Tensor nothing = at::empty({0}, q.options());
  return {out.to(q.device()), nothing, nothing, nothing, nothing};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> flash_backward(
    const at::Tensor& grad, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
    const at::Tensor& /*out*/, const at::Tensor& /*lse*/, const at::Tensor& cu_q, const at::Tensor& cu_k,
    c10::SymInt /*max_q*/, c10::SymInt /*max_k*/, double /*dropout*/, bool /*causal*/,
    const at::Tensor& /*state*/, const at::Tensor& /*unused*/, std::optional<double> scale,
    std::optional<c10::SymInt> left, std::optional<c10::SymInt> /*right*/) {
  const c10::impl::LocalDispatchKeySet keys = c10::impl::tls_local_dispatch_key_set();  // no autograd in them
  const c10::impl::ForceDispatchKeyGuard with_autograd(
      keys.included_ | c10::DispatchKeySet(c10::DispatchKey::ADInplaceOrView),
      keys.excluded_ - c10::autograd_dispatch_keyset_with_ADInplaceOrView);
  const c10::AutoGradMode history(true);
  std::vector<at::Tensor> in;
  for (const at::Tensor& tensor : {q, k, v}) { in.push_back(on_cpu(tensor).clone().requires_grad_()); }
  flash(in[0], in[1], in[2], cu_q, cu_k, scale, window_of(left)).backward(on_cpu(grad));
  return {in[0].grad().to(q.device()), in[1].grad().to(q.device()), in[2].grad().to(q.device())};
}
// NOLINTEND(performance-unnecessary-value-param)

}  // namespace

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }

TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", &empty_memory_format);
  m.impl("empty_strided", &empty_strided);
  m.impl("_copy_from", &copy_from);
  m.impl("_copy_from_and_resize", &copy_from_and_resize);
  m.impl("resize_", &resized);
  m.impl("_local_scalar_dense", &local_scalar);
  m.impl("as_strided", &as_strided);
  m.impl("_reshape_alias", &reshape_alias);
  m.impl("view", [](const at::Tensor& self, at::IntArrayRef size) { return at::native::view(self, size); });
  m.impl("_flash_attention_forward", &flash_forward);
  m.impl("_flash_attention_backward", &flash_backward);
}

void limit_standin_memory(std::size_t bytes) { Arena::get().limit = bytes; }

std::size_t standin_memory_used() { return Arena::get().used; }

c10::Device standin_device() {
  static const bool registered = [] {
    c10::register_privateuse1_backend("standin");
    c10::SetAllocator(kType, &allocator());
    static StandinHooks hooks;
    at::RegisterPrivateUse1HooksInterface(&hooks);
    return true;
  }();
  check(registered, "the stand-in device is not registered");
  return {kType, 0};
}

c10::Device far_device() {
  const char* given = std::getenv("UNA_TEST_DEVICE");
  return given == nullptr ? standin_device() : open_device(given);
}

}  // namespace una::kernels::testing
