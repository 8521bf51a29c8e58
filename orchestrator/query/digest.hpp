// The digests that States.Hash and $hash know by name.
#pragma once

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>
#include <string>
#include <string_view>

namespace lockstep::query {

/// Null where there is none of that name.
inline const EVP_MD* digest_named(std::string_view name) {
  return name == "MD5"       ? EVP_md5()
         : name == "SHA-1"   ? EVP_sha1()
         : name == "SHA-256" ? EVP_sha256()
         : name == "SHA-384" ? EVP_sha384()
         : name == "SHA-512" ? EVP_sha512()
                             : nullptr;
}

/// Lower case; empty where the algorithm is not to be had here.
inline std::string hex_digest(const EVP_MD* algorithm, std::string_view data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(data.data(), data.size(), digest.data(), &size, algorithm, nullptr) != 1) {
    return {};
  }
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + size, ""));
}

}  // namespace lockstep::query
