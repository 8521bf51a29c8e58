// What the catalogue answers where it does not do what was asked.
#pragma once

#include <string>
#include <utility>

#include "value/error.hpp"

namespace lockstep::catalogue {

/// AWS's error of that name, with its message as AWS words it.
struct Refusal {
  std::string error;
  std::string message;
};

template <class T>
using Decision = tl::expected<T, Refusal>;

inline tl::unexpected<Refusal> refuse(Refusal refusal) {
  return tl::unexpected<Refusal>(std::move(refusal));
}
inline tl::unexpected<Refusal> refuse(std::string error, std::string message) {
  return refuse(Refusal{std::move(error), std::move(message)});
}
/// A file of the catalogue cannot be read: no fault of who asked.
inline tl::unexpected<Refusal> refuse(const Error& error) {
  return refuse("InternalServerError", error.message);
}

}  // namespace lockstep::catalogue
