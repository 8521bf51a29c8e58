// Texts that are too long to stand in a segment lie one after the other, a line each, in a file that belongs to the
// segment: texts/text-<its number>. The file lives as long as a segment that names it (Header::texts_from). FORMAT.md.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "journal/codec.hpp"
#include "journal/files.hpp"

namespace lockstep::journal {

/// Path of a segment's long texts.
std::string text_path(const std::string& folder, std::uint64_t segment);

/// Writes one such file. One thread.
class TextFile {
 public:
  /// `folder` is the journal's own. An error if the file stands.
  static Result<std::unique_ptr<TextFile>> create(FileLayer& files, const std::string& folder, std::uint64_t segment);
  Result<void> write(const std::vector<LongText>& texts);
  /// What was written is durable when it returns, and so is the file's name.
  Result<void> sync();

 private:
  TextFile(FileLayer& files, std::string folder, std::unique_ptr<File> file)
      : files_(files), folder_(std::move(folder)), file_(std::move(file)) {}

  FileLayer& files_;
  std::string folder_;  // texts/
  std::unique_ptr<File> file_;
  bool named_ = false;  // durably
  std::string scratch_;
};

/// Lets `context` read the long texts of the journal in `folder`, of every version. `files` must outlive it.
void read_texts(SourceContext& context, const FileLayer& files, const std::string& folder);

/// Removes the texts that nothing in the folder names any more. Requires ownership. What cannot be removed only takes
/// up room, and goes the next time.
void remove_needless_texts(FileLayer& files, const std::string& folder);

}  // namespace lockstep::journal
