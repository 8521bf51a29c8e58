#include "journal/fsck.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "journal/block_file.hpp"
#include "journal/checkpoint.hpp"
#include "journal/journal_folder.hpp"
#include "journal/recovery.hpp"
#include "journal/segment_reader.hpp"

namespace lockstep::journal {

namespace {

constexpr std::uint64_t kMostBlob = std::uint64_t{4} << 30;

/// Lets recovery look without touching: what it would write or sync is left alone.
class UntouchedFiles final : public ForwardingFiles {
 public:
  // Of `files` only what reads is called.
  explicit UntouchedFiles(const FileLayer& files) : ForwardingFiles(const_cast<FileLayer&>(files)) {}

  Result<std::unique_ptr<File>> create(const std::string& path) override {
    return fail(ErrorKind::internal, "a check does not write " + path);
  }
  Result<std::unique_ptr<File>> open_to_write(const std::string& path) override {
    auto file = open_to_read(path);
    if (!file) {
      return file;
    }
    return std::unique_ptr<File>(new Untouched(std::move(*file)));
  }
  Result<void> rename(const std::string& /*from*/, const std::string& /*to*/) override { return {}; }
  Result<void> rename_new(const std::string& /*from*/, const std::string& /*to*/) override { return {}; }
  Result<void> remove(const std::string& /*path*/) override { return {}; }
  Result<void> make_folder(const std::string& /*path*/) override { return {}; }
  Result<void> sync_folder(const std::string& /*path*/) override { return {}; }
  Result<LockAttempt> try_lock(const std::string& /*path*/, ByteRange /*bytes*/) override { return LockAttempt{}; }

 private:
  class Untouched final : public File {
   public:
    explicit Untouched(std::unique_ptr<File> file) : file_(std::move(file)) {}
    Result<void> write(std::span<const std::byte> /*bytes*/, std::uint64_t /*offset*/) override {
      return fail(ErrorKind::internal, "a check does not write");
    }
    Result<std::size_t> read(std::span<std::byte> bytes, std::uint64_t offset) const override {
      return file_->read(bytes, offset);
    }
    Result<std::uint64_t> size() const override { return file_->size(); }
    Result<void> sync() override { return {}; }

   private:
    std::unique_ptr<File> file_;
  };
};

std::string events_text(SequenceNumber from, SequenceNumber to) {
  return from == to ? fmt::format("event {}", from) : fmt::format("events {} to {}", from, to);
}

class Checker {
 public:
  Checker(const FileLayer& files, const std::string& folder, Folded* folded)
      : files_(files), folder_(folder), folded_(folded) {
    read_texts(context_, files_, folder_);
  }

  Result<JournalCheck> run() {
    auto listed = TRY(list_journal(files_, folder_));
    for (const std::string& temporary : listed.temporaries) {
      add(temporary, "was not finished", "it is never read, and resume removes it", true);
    }
    find_strangers();
    read_segments(listed);
    join_segments();
    read_checkpoints(listed);
    read_blobs(listed);
    read_indexes(listed);
    find_lost_texts(listed);
    recover_untouched();
    return std::move(check_);
  }

 private:
  void add(const std::string& path, std::string problem, std::string consequence, bool harmless = false) {
    const std::string file = path.starts_with(folder_ + "/") ? path.substr(folder_.size() + 1) : path;
    // Errors of the readers name the file first.
    for (const std::string& front : {path + " is damaged: ", path + " ", path + ": "}) {
      if (problem.starts_with(front)) {
        problem.erase(0, front.size());
        break;
      }
    }
    check_.findings.push_back({file, std::move(problem), std::move(consequence), harmless});
  }

  void find_strangers() {
    for (const std::string_view part : {std::string_view(), kArchiveFolder, kIndexFolder}) {
      const std::string path = part.empty() ? folder_ : fmt::format("{}/{}", folder_, part);
      const auto names = files_.list(path);
      if (!names) {
        add(path, names.error().message, "what is in it is missing");
        continue;
      }
      for (const std::string& name : *names) {
        const bool ours =
            name.ends_with(kTemporary) ||
            (name.ends_with(".h5") && (part.empty() ? name.starts_with("seg-") || name.starts_with("checkpoint-")
                                       : part == kArchiveFolder ? name.starts_with("hist-")
                                                                : name.starts_with("index-")));
        if (!ours) {
          add(fmt::format("{}/{}", path, name), "is no file of a journal", "it is never read", true);
        }
      }
    }
  }

  void read_segments(const JournalFolder& listed) {
    // First all headers: a segment ends where the next one says.
    for (const auto& [number, place] : listed.segments) {
      CheckedSegment& segment = check_.segments[number];
      segment.path = place.path;
      segment.archived = place.archived;
      const auto header = read_header(files_, place.path);
      if (!header) {
        add(place.path, header.error().message, "none of its events can be read");
        segment.rows_are_whole = false;
        segment.file_is_sound = false;
      } else if (header->number != number || header->kind != (place.archived ? FileKind::archive : FileKind::segment)) {
        add(place.path,
            fmt::format("says that it is {} {}", header->kind == FileKind::archive ? "archive" : "segment",
                        header->number),
            "none of its events can be read");
        segment.rows_are_whole = false;
        segment.file_is_sound = false;
      } else {
        segment.has_header = true;
        segment.header = *header;
        segment.end = header->first_seq;
        check_.epoch = std::max(check_.epoch, header->epoch);
      }
    }
    for (auto it = check_.segments.begin(); it != check_.segments.end(); ++it) {
      const auto next = std::next(it);
      if (next != check_.segments.end() && next->first == it->first + 1 && next->second.has_header) {
        it->second.bound = next->second.header.first_seq;
      }
      if (it->second.has_header) {
        read_one(it->second, next == check_.segments.end());
      }
    }
  }

  void read_one(CheckedSegment& segment, bool is_last) {
    auto contents = read_segment(files_, segment.path);
    std::string damage;
    if (!contents) {
      damage = contents.error().message;
      segment.file_is_sound = false;
      contents = segment.archived ? std::move(contents) : read_rows_alone(files_, segment.path);
    }
    if (!contents) {
      segment.rows_are_whole = false;
      add(segment.path, damage, lost(segment, segment.header.first_seq));
      return;
    }
    const SequenceNumber sound = contents->next_seq();
    SequenceNumber end = sound;
    segment.file_is_sound = segment.file_is_sound && contents->damage.empty();
    if (segment.bound != 0 && sound > segment.bound) {
      end = std::max(segment.bound, segment.header.first_seq);
      segment.file_is_sound = false;  // an owner that had lost the run wrote the rest
    } else if (!contents->damage.empty() && (segment.bound == 0 || sound < segment.bound)) {
      segment.rows_are_whole = false;
      add(segment.path, contents->damage, lost(segment, sound));
    } else if (segment.bound != 0 && sound < segment.bound) {
      segment.rows_are_whole = false;
      segment.file_is_sound = false;
      add(segment.path,
          fmt::format("ends with event {}, but the segment after it begins with event {}", sound - 1, segment.bound),
          lost(segment, sound));
    }
    if (!damage.empty()) {
      segment.needs_rewrite = true;
      add(segment.path, damage,
          segment.rows_are_whole ? "its events are whole, but it is refused; --salvage rewrites it without loss"
                                 : "it is refused");
    }
    ValueCache values;
    for (SequenceNumber seq = segment.header.first_seq; seq < end; ++seq) {
      const Row& row = contents->rows[seq - segment.header.first_seq];
      const auto event = decode_event(row, contents->payload, context_, values);
      if (!event) {
        add(segment.path, event.error().message, lost(segment, seq));
        segment.file_is_sound = false;
        end = seq;
        break;
      }
    }
    segment.end = end;
    segment.last_crc = end > segment.header.first_seq ? contents->rows[end - segment.header.first_seq - 1].crc
                                                      : segment.header.previous_crc;
    check_.good_events += end - segment.header.first_seq;
    if (is_last && contents->torn_rows != 0 && contents->damage.empty()) {
      segment.torn_rows = contents->torn_rows;
      segment.torn_bytes = contents->torn_bytes;
      add(segment.path,
          fmt::format("has a torn tail: {} bytes behind event {} were begun and never became durable",
                      segment.torn_bytes, sound - 1),
          "nothing that was acknowledged is lost; resume cuts them", true);
    }
  }

  static std::string lost(const CheckedSegment& segment, SequenceNumber from) {
    if (segment.bound == 0) {
      return fmt::format("nothing from event {} on can be read", from);
    }
    return from < segment.bound ? fmt::format("{} cannot be read", events_text(from, segment.bound - 1))
                                : "no event is lost";
  }

  /// Whether each begins where the one before ended.
  void join_segments() {
    SequenceNumber reached = 0;
    bool whole = true;
    const CheckedSegment* before = nullptr;
    std::uint64_t number_before = 0;
    for (const auto& [number, segment] : check_.segments) {
      if (before != nullptr && number != number_before + 1) {
        const bool many = number > number_before + 2;
        add(fmt::format("{}/{}", folder_, segment_name(number_before + 1)),
            many ? fmt::format("is missing, and so are the segments up to {}", number - 1) : "is missing",
            before->has_header && segment.has_header && before->end < segment.header.first_seq
                ? fmt::format("{} cannot be read", events_text(before->end, segment.header.first_seq - 1))
                : "its events cannot be read");
        whole = false;
      } else if (before != nullptr && before->has_header && segment.has_header && before->end == before->bound &&
                 before->rows_are_whole && before->last_crc != 0 && segment.header.previous_crc != 0 &&
                 segment.header.previous_crc != before->last_crc) {
        add(segment.path,
            fmt::format("does not follow event {} as it stands in {}", before->end - 1, segment_name(number_before)),
            fmt::format("nothing from event {} on is read", segment.header.first_seq));
        whole = false;
      }
      if (segment.has_header && check_.first == 0 && segment.end > segment.header.first_seq) {
        check_.first = segment.header.first_seq;
        reached = check_.first - 1;
      }
      if (whole && check_.first != 0 && segment.has_header && segment.header.first_seq == reached + 1) {
        reached = segment.end - 1;
      }
      whole = whole && segment.has_header && (segment.bound == 0 || segment.end == segment.bound);
      before = &segment;
      number_before = number;
    }
    check_.last = reached;
  }

  void read_checkpoints(const JournalFolder& listed) {
    for (const auto& [number, path] : listed.checkpoints) {
      CheckedCheckpoint& checkpoint = check_.checkpoints[number];
      checkpoint.path = path;
      engine::Engine engine(engine::Limits::hpc());
      const auto loaded = load_checkpoint(files_, folder_, path, engine);
      if (!loaded) {
        add(path, loaded.error().message, "recovery passes it over and reads what is older");
        continue;
      }
      checkpoint.good = true;
      checkpoint.first_seq = loaded->first_seq;
      checkpoint.last_seq = loaded->last_seq;
      check_.epoch = std::max(check_.epoch, loaded->epoch);
    }
  }

  /// Texts are looked at where Events name them; one that no segment can name is of no use.
  void find_lost_texts(const JournalFolder& listed) {
    for (const auto& [number, path] : listed.texts) {
      if (listed.segments.empty() || number > listed.segments.rbegin()->first) {
        add(path, "belongs to no segment", "it is never read", true);
      }
    }
  }

  void read_indexes(const JournalFolder& listed) {
    for (const auto& [number, path] : listed.indexes) {
      const auto file = BlockFile::open(files_, path);
      const auto sound = file ? file->check() : tl::unexpected<Error>(file.error());
      if (!sound) {
        check_.bad_indexes.push_back(path);
        add(path, sound.error().message,
            "executions that are over may be missing from lists; --salvage has resume make them anew from the events");
      }
    }
  }

  void read_blobs(const JournalFolder& listed) {
    for (const std::string& path : listed.blobs) {
      const std::string name = path.substr(path.rfind('/') + 1);
      const auto bytes = read_whole(files_, path, kMostBlob);
      if (!bytes) {
        add(path, bytes.error().message, "events that name it cannot be read");
        continue;
      }
      const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());
      if (to_hex(sha256(text)) != name) {
        add(path, "is not what its name says", "events that name it cannot be read");
      }
    }
  }

  void recover_untouched() {
    UntouchedFiles untouched(files_);
    engine::Engine engine(engine::Limits::hpc());
    const auto recovered = recover(untouched, folder_, engine, folded_);
    if (!recovered) {
      check_.refusal = recovered.error().message;
      return;
    }
    if (!recovered->folded_anew.empty() && recovered->folded_anew != kNoCatalogue) {
      add(fmt::format("{}/{}", folder_, kIndexFolder), "is not used: " + recovered->folded_anew,
          "resume makes the catalogue anew from the events that there are", true);
    }
    check_.recovered = recovered->tail.next_seq - 1;
    check_.recovered_checkpoint = recovered->checkpoint_seq;
  }

  const FileLayer& files_;
  const std::string folder_;
  Folded* folded_;
  SourceContext context_;
  JournalCheck check_;
};

}  // namespace

bool JournalCheck::is_damaged() const {
  return refusal.has_value() ||
         std::any_of(findings.begin(), findings.end(), [](const Finding& finding) { return !finding.harmless; });
}

Result<JournalCheck> check_journal(const FileLayer& files, const std::string& folder, Folded* folded) {
  return Checker(files, folder, folded).run();
}

}  // namespace lockstep::journal
