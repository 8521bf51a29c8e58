// What stands in a journal's files: whatever the bytes are, reading gives what they mean or an error. Checksums keep
// most damage from the codecs, so those are given the bytes directly, too. What is read is written and read again.
#include <cstdlib>
#include <cstring>

#include "journal/event_codec.hpp"
#include "journal/execution_codec.hpp"
#include "journal/fsck.hpp"
#include "journal/lease.hpp"
#include "journal/recovery.hpp"
#include "journal/simulated_disk.hpp"

namespace {

using namespace lockstep;
using Bytes = std::span<const std::byte>;

journal::SourceContext without_long_texts() {
  journal::SourceContext context;
  context.text = [](const journal::TextPlace&, std::uint64_t) -> Result<std::string> {
    return fail(ErrorKind::io, "there are no texts");
  };
  context.blob = [](const journal::Digest&, std::uint64_t) -> Result<std::string> {
    return fail(ErrorKind::io, "there are no blobs");
  };
  return context;
}

void event(Bytes bytes) {
  journal::Row row;
  if (bytes.size() < sizeof row) {
    return;
  }
  std::memcpy(&row, bytes.data(), sizeof row);
  const Bytes body = bytes.subspan(sizeof row);
  row.offset = 0;
  row.length = static_cast<std::uint32_t>(body.size());
  journal::SourceContext context = without_long_texts();
  journal::ValueCache values;
  const auto read = journal::decode_event(row, body, context, values);
  if (!read) {
    return;
  }
  journal::GrowingSink sink;
  journal::Row again;
  journal::encode_event(*read, again, sink);
  values.clear();
  if (!journal::decode_event(again, sink.bytes(), context, values)) {
    std::abort();
  }
}

void execution(Bytes bytes) {
  journal::SourceContext context = without_long_texts();
  journal::ValueCache values;
  journal::Source source(bytes, 0, bytes.size(), context, values);
  if (const auto read = journal::decode_execution(source)) {
    journal::GrowingSink sink;
    journal::encode_execution(*read, sink);
  }
}

/// As the one file of a run's journal.
void file(Bytes bytes, const char* name) {
  journal::SimulatedDisk disk;
  const std::string folder = "run/journal";
  if (!disk.make_folder("run") || !disk.make_folder(folder)) {
    std::abort();
  }
  auto opened = disk.create(folder + "/" + name);
  if (!opened || !(*opened)->write(bytes, 0)) {
    std::abort();
  }
  static_cast<void>(journal::check_journal(disk, folder));
  engine::Engine engine(engine::Limits::hpc());
  static_cast<void>(journal::recover(disk, folder, engine));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const Bytes bytes = std::as_bytes(std::span(data, size)).subspan(1);
  switch (data[0] % 8) {
    case 0:
      file(bytes, "seg-0000000001.h5");
      break;
    case 1:
      file(bytes, "checkpoint-0000000001.h5");
      break;
    case 2:
      static_cast<void>(journal::parse_owner(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())));
      break;
    case 3:
    case 4:
      execution(bytes);
      break;
    default:
      event(bytes);
  }
  return 0;
}
