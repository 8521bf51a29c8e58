// Any JSON as a payload template; what it makes must be JSON again.
#include <cstdlib>

#include "environment.hpp"
#include "query/template.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const lockstep::Result<lockstep::Value> owner =
      lockstep::Value::from_text(std::string(reinterpret_cast<const char*>(data), size));
  if (!owner) {
    return 0;
  }
  const lockstep::fuzz::Environment environment;
  const auto compiled = lockstep::query::compile_template(*owner);
  if (!compiled) {
    return 0;
  }
  if (const auto result = (*compiled)->evaluate(environment)) {
    std::string written;
    lockstep::append_json(written, result->node());
    lockstep::JsonProblem problem;
    if (written.size() != result->node().text_size() || !lockstep::check_json(written, problem)) {
      std::abort();
    }
  }
  return 0;
}
