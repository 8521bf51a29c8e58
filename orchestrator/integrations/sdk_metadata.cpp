#include "integrations/sdk_metadata.hpp"

#include "value/random.hpp"
#include "value/uuid.hpp"

namespace lockstep::integrations {

std::string request_id(const DispatchId& dispatch) {
  const auto word = [](std::uint64_t x) { return next_random(x); };
  const std::uint64_t high = word(word(static_cast<std::uint64_t>(dispatch.execution)) ^ dispatch.place());
  const std::uint64_t low = word(high ^ dispatch.count);
  return uuid_text(high, low);
}

void add_sdk_metadata(Builder& out, std::span<const Header> headers, std::string_view request_id) {
  out.key("SdkHttpMetadata");
  out.begin_object();
  out.key("AllHttpHeaders");
  out.begin_object();
  for (const auto& [name, text] : headers) {
    out.key(name);
    out.begin_array();
    out.string(text);
    out.end_array();
  }
  out.end_object();
  out.key("HttpHeaders");
  out.begin_object();
  for (const auto& [name, text] : headers) {
    out.key(name);
    out.string(text);
  }
  out.end_object();
  out.key("HttpStatusCode");
  out.integer(200);
  out.end_object();
  out.key("SdkResponseMetadata");
  out.begin_object();
  out.key("RequestId");
  out.string(request_id);
  out.end_object();
}

void add_sdk_metadata(Builder& out, std::string_view content_type, std::size_t content_length,
                      std::string_view request_id) {
  const std::string length = fmt::format("{}", content_length);
  const Header headers[] = {{"connection", "keep-alive"},
                            {"Content-Length", length},
                            {"Content-Type", content_type},
                            {"x-amzn-RequestId", request_id}};
  add_sdk_metadata(out, headers, request_id);
}

}  // namespace lockstep::integrations
