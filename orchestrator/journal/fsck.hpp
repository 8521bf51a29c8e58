// Checks a journal file by file, says what recovery would make of it, and makes a damaged one readable again up to the
// first hole (FORMAT.md, "Damage").
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "journal/files.hpp"
#include "journal/folded.hpp"
#include "journal/header.hpp"

namespace lockstep::journal {

/// One file with something the matter.
struct Finding {
  std::string file;         ///< path within the journal's folder
  std::string problem;      ///< what is wrong, in words
  std::string consequence;  ///< what follows from it
  bool harmless = false;    ///< nothing is lost: an unfinished file, a torn tail
};

/// What a segment or archive holds.
struct CheckedSegment {
  std::string path;
  bool archived = false;
  bool has_header = false;
  Header header;
  SequenceNumber end = 0;      ///< behind the last Event that can be read; header.first_seq: none can
  SequenceNumber bound = 0;    ///< behind the last that belongs to it, by the next segment's header; 0: nobody knows
  std::uint32_t last_crc = 0;  ///< of the row before `end`
  bool rows_are_whole = true;  ///< of the Events to `bound` none is unsound; only HDF5's own bytes may be
  bool file_is_sound = true;   ///< as the journal's last file it would be read, and end with `end`
  bool needs_rewrite = false;  ///< its rows are whole, but HDF5's own bytes are not: it is refused as it stands
  std::uint64_t torn_rows = 0;
  std::uint64_t torn_bytes = 0;
};
struct CheckedCheckpoint {
  std::string path;
  bool good = false;
  SequenceNumber first_seq = 0;
  SequenceNumber last_seq = 0;
};

struct JournalCheck {
  std::vector<Finding> findings;
  std::map<std::uint64_t, CheckedSegment> segments;
  std::map<std::uint64_t, CheckedCheckpoint> checkpoints;
  std::vector<std::string> bad_indexes;  ///< paths; of executions that are over
  std::uint64_t good_events = 0;         ///< that can be read, wherever they stand
  SequenceNumber first = 0;              ///< the first Event that is there; 0: none is
  SequenceNumber last = 0;               ///< the last before the first hole
  Epoch epoch = 0;                       ///< the greatest that was seen

  /// What recovery comes to: the last Event; or why it refuses.
  SequenceNumber recovered = 0;
  SequenceNumber recovered_checkpoint = 0;  ///< Events that it takes from a checkpoint
  std::optional<std::string> refusal;

  bool is_damaged() const;
};

/// Reads everything, writes nothing. An error only where the folder itself cannot be read. `folded` is recovered, too,
/// if it is not null.
Result<JournalCheck> check_journal(const FileLayer& files, const std::string& folder, Folded* folded = nullptr);

/// What was done to a journal.
struct Salvage {
  std::string folder;              ///< where what was taken out lies now; empty: nothing had to be done
  SequenceNumber last = 0;         ///< the last Event that is kept
  std::vector<std::string> lines;  ///< what was given up, moved and rewritten, in words
};

/// Makes the journal recoverable: keeps the newest good checkpoint that the Events reach, and the Events up to the
/// first hole after it. What is damaged or beyond is moved to `folder`/salvage-N, never deleted, and named in a file
/// there. Safe against a crash at each step: the journal is refused until the last one. Requires ownership of the run.
/// An error (io) if nothing can be saved: then nothing was changed.
Result<Salvage> salvage_journal(FileLayer& files, const std::string& folder, const JournalCheck& check,
                                const std::string& software);

}  // namespace lockstep::journal
