// Base64, digests and UUIDs.
#include <openssl/evp.h>

#include <algorithm>

#include "query/digest.hpp"
#include "query/intrinsics/functions.hpp"
#include "value/utf8.hpp"
#include "value/uuid.hpp"

namespace lockstep::intrinsics {

namespace {

std::string too_long() {
  return fmt::format("the data must not have more than {} characters", kMaxCharacters);
}

}  // namespace

Outcome base64_encode(const Invocation& invocation) {
  const Node& data = invocation.arguments[0].node();
  if (!data.is_string()) {
    return wrong("the argument must be a string");
  }
  const std::string_view text = data.as_string();
  if (count_characters(text) > kMaxCharacters) {
    return wrong(too_long());
  }
  std::string encoded((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return Value::string(encoded);
}

Outcome base64_decode(const Invocation& invocation) {
  const Node& data = invocation.arguments[0].node();
  if (!data.is_string()) {
    return wrong("the argument must be a string");
  }
  if (count_characters(data.as_string()) > kMaxCharacters) {
    return wrong(too_long());
  }
  // MIME: line ends between the characters do not count, and the padding may be left out.
  std::string text;
  for (const char c : data.as_string()) {
    if (c != '\r' && c != '\n') {
      text += c;
    }
  }
  const std::size_t unpadded = text.find('=');
  const std::size_t padding = unpadded == std::string::npos ? 0 : text.size() - unpadded;
  if (padding > 2 || (padding > 0 && text.size() % 4 != 0) || (padding == 2 && text.back() != '=')) {
    return wrong("the argument is not valid Base64");
  }
  text.append((4 - text.size() % 4) % 4, '=');
  const std::size_t pads = text.size() - std::min(text.find('='), text.size());
  std::string decoded(text.size() / 4 * 3 + 1, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(decoded.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (size < 0 || pads > 2 || text.find_first_of(" \t") != std::string::npos) {
    return wrong("the argument is not valid Base64");
  }
  decoded.resize(static_cast<std::size_t>(size) - pads);
  if (!is_utf8(decoded)) {
    return wrong("the decoded data is not UTF-8");
  }
  return Value::string(decoded);
}

Outcome hash(const Invocation& invocation) {
  const Node& data = invocation.arguments[0].node();
  const Node& algorithm = invocation.arguments[1].node();
  const EVP_MD* known = algorithm.is_string() ? query::digest_named(algorithm.as_string()) : nullptr;
  if (known == nullptr) {
    return wrong("the algorithm must be one of MD5, SHA-1, SHA-256, SHA-384, SHA-512");
  }
  if (data.text_size() > kMaxCharacters * 6 + 2) {
    return wrong(too_long());
  }
  std::string text;
  if (data.is_string()) {
    text = data.as_string();
  } else {
    append_json(text, data);
  }
  if (count_characters(text) > kMaxCharacters) {
    return wrong(too_long());
  }
  const std::string hex = query::hex_digest(known, text);
  if (hex.empty()) {
    return wrong(fmt::format("{} is not available here", algorithm.as_string()));
  }
  return Value::string(hex);
}

Outcome uuid(const Invocation& invocation) {
  const std::uint64_t high = invocation.environment.random();
  return Value::string(uuid_text(high, invocation.environment.random()));
}

}  // namespace lockstep::intrinsics
