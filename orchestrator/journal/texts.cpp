#include "journal/texts.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "journal/crc32c.hpp"
#include "journal/format.hpp"
#include "journal/journal_folder.hpp"
#include "journal/segment_reader.hpp"

namespace lockstep::journal {

namespace {

/// Opens each file once as long as texts come from it.
class Texts {
 public:
  Texts(const FileLayer& files, std::string folder) : files_(files), folder_(std::move(folder)) {}

  Result<std::string> read(const TextPlace& place, std::uint64_t length) {
    const std::string path = text_path(folder_, place.file);
    if (file_ == nullptr || number_ != place.file) {
      file_ = TRY(files_.open_to_read(path));
      number_ = place.file;
    }
    const auto size = TRY(file_->size());
    if (place.offset > size || length > size - place.offset) {
      return damaged(path, place);
    }
    std::string text(length, '\0');
    const auto got = TRY(file_->read(std::as_writable_bytes(std::span(text)), place.offset));
    if (got != length || crc32c(std::as_bytes(std::span(text))) != place.crc) {
      return damaged(path, place);
    }
    return text;
  }

 private:
  static tl::unexpected<Error> damaged(const std::string& path, const TextPlace& place) {
    return fail(ErrorKind::io,
                fmt::format("{} is damaged: the text at {} is not as it was written", path, place.offset));
  }

  const FileLayer& files_;
  const std::string folder_;
  std::unique_ptr<File> file_;
  std::uint64_t number_ = 0;
};

/// As texts were kept up to version 1.1: a file each, named after what is in it.
Result<std::string> load_blob(const FileLayer& files, const std::string& folder, const Digest& digest,
                              std::uint64_t length) {
  const std::string path = fmt::format("{}/{}/{}", folder, kBlobFolder, to_hex(digest));
  const auto bytes = TRY(read_whole(files, path, length));
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() != length || sha256(text) != digest) {
    return fail(ErrorKind::io, fmt::format("{} is damaged: it is not what its name says", path));
  }
  return text;
}

}  // namespace

std::string text_path(const std::string& folder, std::uint64_t segment) {
  return fmt::format("{}/{}/{}", folder, kTextFolder, text_name(segment));
}

Result<std::unique_ptr<TextFile>> TextFile::create(FileLayer& files, const std::string& folder, std::uint64_t segment) {
  const std::string texts = fmt::format("{}/{}", folder, kTextFolder);
  auto made = files.make_folder(texts);
  if (made) {
    made = files.sync_folder(folder);
  }
  TRY(made);
  auto file = TRY(files.create(text_path(folder, segment)));
  return std::unique_ptr<TextFile>(new TextFile(files, texts, std::move(file)));
}

Result<void> TextFile::write(const std::vector<LongText>& texts) {
  for (const LongText& one : texts) {
    const std::string_view text = one.view(scratch_);
    auto done = file_->write(std::as_bytes(std::span(text)), one.offset);
    if (done) {
      constexpr std::byte kNewline{'\n'};
      done = file_->write({&kNewline, 1}, one.offset + text.size());
    }
    if (!done) {
      return done;
    }
  }
  scratch_ = std::string();
  return {};
}

Result<void> TextFile::sync() {
  auto done = file_->sync();
  if (done && !named_) {
    done = files_.sync_folder(folder_);
    named_ = done.has_value();
  }
  return done;
}

void read_texts(SourceContext& context, const FileLayer& files, const std::string& folder) {
  context.text = [texts = std::make_shared<Texts>(files, folder)](const TextPlace& place, std::uint64_t length) {
    return texts->read(place, length);
  };
  context.blob = [&files, folder](const Digest& digest, std::uint64_t length) {
    return load_blob(files, folder, digest, length);
  };
}

void remove_needless_texts(FileLayer& files, const std::string& folder) {
  const auto listed = list_journal(files, folder);
  if (!listed || listed->segments.empty() || (listed->texts.empty() && listed->blobs.empty())) {
    return;
  }
  // It never falls from one segment to the next, so the first one says what all of them need.
  std::vector<std::string> telling = {listed->segments.begin()->second.path};
  for (const auto& [number, path] : listed->checkpoints) {
    telling.push_back(path);
  }
  std::uint64_t needed = UINT64_MAX;
  for (const std::string& path : telling) {
    const auto header = read_header(files, path);
    if (!header) {
      return;
    }
    needed = std::min(needed, header->texts_from);
  }
  std::vector<std::string> needless;
  if (needed != 0) {
    needless = listed->blobs;
  }
  for (const auto& [number, path] : listed->texts) {
    if (number < needed) {
      needless.push_back(path);
    }
  }
  if (needless.empty()) {
    return;
  }
  // What named them must be gone for good before.
  const std::string archive = fmt::format("{}/{}", folder, kArchiveFolder);
  const auto stands = files.exists(archive);
  if (!files.sync_folder(folder) || !stands || (*stands && !files.sync_folder(archive))) {
    return;
  }
  for (const std::string& path : needless) {
    static_cast<void>(files.remove(path));
  }
}

}  // namespace lockstep::journal
