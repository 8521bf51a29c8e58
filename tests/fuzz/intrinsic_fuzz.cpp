// Any text as an intrinsic call.
#include "environment.hpp"
#include "query/template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const lockstep::fuzz::Environment environment;
  const auto call = lockstep::query::compile_intrinsic({reinterpret_cast<const char*>(data), size});
  if (call) {
    (void)(*call)->evaluate(environment);
  }
  return 0;
}
