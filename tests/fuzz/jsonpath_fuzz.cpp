// Any text as a path, in both dialects: select, and place where it is a reference path.
#include "environment.hpp"
#include "query/jsonpath/path.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using lockstep::jsonpath::Dialect;
  using lockstep::jsonpath::Path;
  const lockstep::fuzz::Environment environment;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const Dialect dialect : {Dialect::states, Dialect::jayway}) {
    const auto path = Path::compile(text, dialect);
    if (!path) {
      continue;
    }
    if (const auto result = path->select(environment)) {
      std::string written;
      lockstep::append_json(written, result->node());
    }
    if (path->is_reference() && path->root() == lockstep::jsonpath::Root::input) {
      (void)path->place(environment.input, environment.input);
    }
  }
  return 0;
}
