// What AWS's answers say of the call itself, beside what was asked for (services.md 1, "metadata").
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "integrations/job.hpp"
#include "value/builder.hpp"

namespace lockstep::integrations {

/// The id under which AWS would have known the request for a dispatch: a UUID, always the same for the same one.
std::string request_id(const DispatchId& dispatch);

/// An HTTP header: its name and its text.
using Header = std::pair<std::string_view, std::string_view>;

/// Writes the members SdkHttpMetadata, of a call that was answered with 200 and these headers, and SdkResponseMetadata
/// into the object that is open in `out`. AWS's objects are sorted: members whose names follow come after it.
void add_sdk_metadata(Builder& out, std::span<const Header> headers, std::string_view request_id);

/// The same with the headers that services of AWS's JSON protocol answer with; `content_type` is
/// "application/x-amz-json-1.0" where the service has no other, `content_length` the answer's bytes.
void add_sdk_metadata(Builder& out, std::string_view content_type, std::size_t content_length,
                      std::string_view request_id);

}  // namespace lockstep::integrations
