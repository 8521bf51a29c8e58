#include <fmt/format.h>

#include "journal/durable_journal.hpp"

namespace lockstep::journal {

Result<void> store_blob(FileLayer& files, const std::string& folder, const Blob& blob) {
  const std::string blobs = fmt::format("{}/{}", folder, kBlobFolder);
  const std::string name = to_hex(blob.digest);
  if (files.exists(fmt::format("{}/{}", blobs, name))) {
    return {};  // durable: whoever renamed it synced the folder before going on, and recovery did so again
  }
  std::string scratch;
  const std::string_view text = blob.is_value ? blob.value.text(scratch) : std::string_view(blob.text);
  return write_whole(files, blobs, name, std::as_bytes(std::span(text)));
}

Result<std::string> load_blob(const FileLayer& files, const std::string& folder, const Digest& digest,
                              std::uint64_t length) {
  const std::string path = fmt::format("{}/{}/{}", folder, kBlobFolder, to_hex(digest));
  const auto bytes = read_whole(files, path, length);
  if (!bytes) {
    return tl::unexpected<Error>(bytes.error());
  }
  std::string text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  if (text.size() != length || sha256(text) != digest) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: it is not what its name says", path));
  }
  return text;
}

}  // namespace lockstep::journal
