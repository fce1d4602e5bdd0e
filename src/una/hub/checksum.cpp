#include "una/hub/checksum.h"

#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include <openssl/evp.h>

#include "una/base/error.h"
#include "una/base/format.h"

namespace una::hub {
namespace {

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
struct ContextDeleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};

std::string digest(const std::string& path, const EVP_MD* kind, const std::string& before) {
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
  check_input(file != nullptr, path, ": cannot be read");
  const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(EVP_MD_CTX_new());
  bool ok = context != nullptr && EVP_DigestInit_ex(context.get(), kind, nullptr) == 1 &&
            EVP_DigestUpdate(context.get(), before.data(), before.size()) == 1;
  std::vector<char> buffer(std::size_t{1} << 20);
  std::size_t size = 0;
  while (ok && (size = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0) {
    ok = EVP_DigestUpdate(context.get(), buffer.data(), size) == 1;
  }
  check_input(std::ferror(file.get()) == 0, path, ": cannot be read");
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned int count = 0;
  ok = ok && EVP_DigestFinal_ex(context.get(), bytes.data(), &count) == 1;
  check(ok, "OpenSSL: no digest");
  std::string out;
  for (unsigned int i = 0; i < count; ++i) {
    constexpr const char* kDigits = "0123456789abcdef";
    out += {kDigits[bytes[i] >> 4U], kDigits[bytes[i] & 0xFU]};
  }
  return out;
}

}  // namespace

std::string sha256_of(const std::string& path) { return digest(path, EVP_sha256(), ""); }

std::string git_blob_id_of(const std::string& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  check_input(!error, path, ": ", error.message());
  return digest(path, EVP_sha1(), cat("blob ", size, std::string(1, '\0')));
}

}  // namespace una::hub
