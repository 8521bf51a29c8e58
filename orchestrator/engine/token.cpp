#include "engine/token.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <cstdint>
#include <new>

namespace lockstep::engine {

namespace {

// A byte that says of which form it is, so that another form may follow, and the keyed hash.
constexpr std::size_t kBytes = 1 + 32;
constexpr unsigned char kForm = 1;
// What these come to as text, and the checksum behind them.
constexpr std::size_t kHashText = kBytes / 3 * 4;
constexpr std::size_t kSumText = 4;

/// Base64 with the alphabet for URLs. `bytes`: a multiple of three, so that there is no padding.
template <std::size_t N>
std::string to_base64(const std::array<unsigned char, N>& bytes) {
  static_assert(N % 3 == 0);
  std::array<unsigned char, N / 3 * 4 + 1> text{};
  EVP_EncodeBlock(text.data(), bytes.data(), N);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  return {text.begin(), text.end() - 1};
}

/// Needs no key: it shows slips, not forgeries.
std::string checksum(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();
  }
  return to_base64<3>({digest[0], digest[1], digest[2]});
}

}  // namespace

std::string make_token(const TokenKey& key, const work::DispatchId& id) {
  const std::array<std::uint64_t, 3> named{static_cast<std::uint64_t>(id.execution), id.place(), id.count};
  std::array<unsigned char, kBytes> bytes{kForm};
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(named.data()),
           sizeof named, bytes.data() + 1, nullptr) == nullptr) {
    throw std::bad_alloc();  // nothing else can fail here, and a token without its hash could be guessed
  }
  std::string token = to_base64(bytes);
  return token + checksum(token);
}

bool is_token(std::string_view text) {
  return text.size() == kHashText + kSumText && checksum(text.substr(0, kHashText)) == text.substr(kHashText);
}

}  // namespace lockstep::engine
