// jobs.json: whatever the text is, it gives jobs or one line that says what is wrong.
#include <cstdlib>
#include <string>

#include "integrations/jobs_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto jobs = lockstep::integrations::parse_jobs(text, "jobs.json", "/folder");
  if (!jobs && (jobs.error().message.empty() || jobs.error().message.find("jobs.json") == std::string::npos)) {
    std::abort();
  }
  return 0;
}
