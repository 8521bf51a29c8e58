"""The faults that run.py plants: exact replacements, each once in its file."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Mutant:
    name: str
    file: str
    old: str
    new: str
    target: str  # the test program
    tests: str = "*"
    fast: bool = False

    @property
    def room(self):
        """Where its program is built."""
        return "mpi_worker" if self.target == "mpi_worker_test" else "orchestrator"


def engine(name, file, old, new, fast=False, tests="*"):
    return Mutant(name, "orchestrator/engine/" + file, old, new, "engine_test", tests, fast)


def journal(name, file, old, new, fast=False, tests="-Sample*"):
    return Mutant(name, "orchestrator/journal/" + file, old, new, "journal_test", tests, fast)


def catalogue(name, file, old, new, fast=False, tests="*"):
    return Mutant(name, "orchestrator/catalogue/" + file, old, new, "catalogue_test", tests, fast)


QUICK = "-Sample*:PowerLoss*:ADamagedJournal*:OnSimulatedDisk*:Bodies*:OpenItems*"  # of journal_test, what takes no minutes


def worker(name, file, old, new, fast=False, tests="*"):
    return Mutant(name, "mpi_worker/" + file, old, new, "mpi_worker_test", tests, fast)


def fleet(name, file, old, new, fast=False, tests="*"):
    return Mutant(name, "orchestrator/fleet/" + file, old, new, "fleet_test", tests, fast)


def service(name, file, old, new, fast=False, tests="*"):
    return Mutant(name, "orchestrator/service/" + file, old, new, "service_test", tests, fast)


MUTANTS = [
    # What the language promises.
    engine("one_retry_too_many", "failure.cpp", "if (uses >= static_cast<std::uint64_t>(retrier.max_attempts)) {",
           "if (uses > static_cast<std::uint64_t>(retrier.max_attempts)) {", True, "Retry.*"),
    engine("a_used_up_retrier_is_passed", "failure.cpp", "return false;  // the first that matches decides, also when it is used up",
           "continue;", True, "Retry.*"),
    engine("delay_of_the_next_try", "failure.cpp", "std::pow(retrier.backoff_rate, uses);", "std::pow(retrier.backoff_rate, uses + 1);", False, "Retry.*"),
    engine("a_longest_delay_is_ignored", "failure.cpp", "retrier.max_delay_seconds ? static_cast<double>(*retrier.max_delay_seconds) : kLongest",
           "kLongest"),
    engine("task_failed_names_timeouts", "failure.cpp", 'error == "States.Timeout" || error == "States.HeartbeatTimeout" ||',
           'error == "States.HeartbeatTimeout" ||'),
    engine("a_catcher_takes_what_it_does_not_name", "failure.cpp",
           "    if (!names(catcher.error_equals, failure)) {\n      continue;\n    }\n", "", True, "Catch.*"),
    engine("what_is_half_given_up_is_forgotten", "failure.cpp", "(strand.children->running == 0 && execution.lines_due == 0)",
           "strand.children->running == 0"),
    engine("a_request_comes_apart_from_its_event", "evolve_strand.cpp", "  strand.result = body.result;\n  end_call(strand);\n  keep_request(execution, body.request);\n",
           "  strand.result = body.result;\n  end_call(strand);\n"),
    engine("a_map_forgets_that_it_failed", "failure.cpp", "strand.children->running > 0) {", "strand.children->running > 9) {"),
    engine("siblings_run_on", "failure.cpp", "      if (child.phase == Phase::task) {", "      if (child.phase == Phase::waiting) {"),
    engine("one_iteration_too_many", "strand.hpp", "running < max_concurrency);", "running <= max_concurrency);"),
    engine("retries_outlive_a_redrive", "evolve_children.cpp", "strand.state_line);\n  strand.retrier_uses.clear();\n",
           "strand.state_line);\n"),
    engine("retries_outlive_their_state", "evolve_strand.cpp", "  strand.dispatches = 0;\n  strand.retrier_uses.clear();\n",
           "  strand.dispatches = 0;\n"),
    engine("a_wait_ends_early", "wait.cpp", "deadline.us = now_.us + *whole * kMicrosPerSecond;",
           "deadline.us = now_.us + (*whole - 1) * kMicrosPerSecond;"),
    # One outcome per dispatch.
    engine("an_old_outcome_is_taken", "task.cpp", "execution->dispatch_id(*strand) != id)", "execution->dispatch_id(*strand).strand != id.strand)"),
    engine("again_with_the_same_id", "task.cpp", "TaskRedispatched{strand->dispatches + 1}", "TaskRedispatched{strand->dispatches}"),
    engine("a_request_is_done_twice", "decide.cpp", "    if (taken.request == request) {", "    if (taken.request == request && taken.request.empty()) {"),
    engine("timers_before_the_spool", "decide.cpp", "while (!timers_held_ && ", "while ("),
    # Durable before visible.
    journal("a_segment_without_its_sync", "segment_file.cpp", "    done = file_->sync();", "    done = {};"),
    journal("a_segment_without_its_name", "segment_file.cpp", "return done ? files_.sync_folder(folder_) : done;", "return done;"),
    journal("acknowledged_without_a_sync", "durable_journal.cpp", "  if (done && options_.sync != Sync::none) {\n    done = file_->sync();",
            "  if (done && options_.sync == Sync::every) {\n    done = file_->sync();"),
    journal("long_texts_without_a_sync", "durable_journal.cpp", "return done && options_.sync != Sync::none ? text_file_->sync() : done;",
            "return done;"),
    journal("a_text_files_name_is_not_synced", "texts.cpp", "done = files_.sync_folder(folder_);", "done = {};"),
    journal("pages_that_never_reached_the_disk", "recovery.cpp", "TRY(make_durable(files, folder, listed, recovered.doubtful));",
           "if (is_proven(recovered.doubtful, back.checkpoint)) {\n    TRY(make_durable(files, folder, listed, recovered.doubtful));\n  }"),
    service("effects_before_their_events", "loop.cpp", "while (is_owner && !effects_.empty() && effects_.front().after <= durable) {",
            "while (is_owner && !effects_.empty()) {"),
    service("a_message_is_taken_in_twice", "mailbox.cpp", "if (!taken_.contains(id)) {\n        ids", "if (true) {\n        ids"),
    # What is read is what was written.
    journal("rows_are_not_checked", "segment_reader.cpp", "return body && row.crc == row_crc(row, *body, salt);",
            "return body && (row.crc == row_crc(row, *body, salt) || row.seq != 0);", False, "OnSimulatedDisk*"),
    journal("long_texts_are_not_checked", "texts.cpp", "if (got != length || crc32c(std::as_bytes(std::span(text))) != place.crc) {",
            "if (got != length) {", False, "OnSimulatedDisk*"),
    journal("a_slice_of_another_moment", "bring_back.cpp", "if (as_of != checkpoint->as_of.end() && next->seq <= as_of->second) {",
            "if (as_of != checkpoint->as_of.end() && next->seq <= checkpoint->last_seq) {"),
    journal("a_slice_is_applied_twice", "checkpoint.cpp", "taking_->parts.back().entries.push_back({execution->id, now, start,",
            "taking_->parts.back().entries.push_back({execution->id, taking_->first_seq, start,"),
    # Who owns a run.
    journal("an_owner_counts_as_dead", "lease_owner.cpp", "return exists && process_start_time(owner.pid) == owner.start_time;", "return exists && false;", False, QUICK),
    journal("a_process_number_is_enough", "lease_owner.cpp", "return exists && process_start_time(owner.pid) == owner.start_time;", "return exists;", False, QUICK),
    journal("a_host_name_is_enough", "lease_owner.cpp", "if (owner.boot_id.empty() || owner.boot_id != self.boot_id || owner.pid_namespace != self.pid_namespace) {",
            "if (owner.host != self.host) {", True,
            "RunFolder.AHostOfTheSameName*:RunFolder.AProcessOfAnotherContainer*"),
    journal("an_epoch_is_enough", "lease_owner.cpp", "return epoch == other.epoch && host == other.host && boot_id == other.boot_id &&\n"
            "         pid_namespace == other.pid_namespace && pid == other.pid && start_time == other.start_time &&\n"
            "         token == other.token;", "return epoch == other.epoch;", False, QUICK),
    journal("a_stale_owner_goes_on", "lease.cpp", "if (owner && owner->epoch >= self_.epoch && ", "if (owner && owner->epoch > self_.epoch + 1 && "),
    journal("a_lease_that_cannot_be_read_is_none", "lease.cpp", "if (const auto stands = files.exists(path); stands && !*stands) {",
            "if (const auto stands = files.exists(path); !stands || !*stands) {", True,
            "RunFolder.ALeaseThatCannotBeRead*:RunFolder.WhereNothingCanBeLookedAt*"),
    journal("a_requeue_proves_an_end", "acquisition.cpp", "if (is_free && running_ && !*running_) {",
            "if (is_same_job() && owner_->slurm_restart < self_.slurm_restart) {"),
    # What a house holds besides its live executions.
    catalogue("what_ended_meanwhile_slips_through", "index_saving.cpp", "for (const auto& [place, held] : ended_.rows()) {\n    write_record",
              "for (const auto& [place, held] : ExecutionTable().rows()) {\n    write_record", False, "Recovery.TheCatalogueC*"),
    catalogue("how_it_was_before_a_redrive", "execution_index.cpp", "return redriven != redriven_.end() && last < redriven->second;", "return false;",
              False, "Recovery.TheCatalogueC*"),
    catalogue("redriven_before_its_time", "index_saving.cpp", "for (const auto& [id, seq] : saving_->redriven) {",
              "for (const auto& [id, seq] : redriven_) {", False, "Recovery.TheCatalogueC*"),
    catalogue("the_last_but_one_needs_no_files", "index_saving.cpp", "before_ = std::exchange(standing_, names);", "standing_ = names;", False,
              "Recovery.TheCheckpoint*"),
    catalogue("a_failed_checkpoint_forgets", "index_saving.cpp", "        ended_.insert(place, held);\n", "", False, "Recovery.ACheckpoint*"),
    catalogue("a_name_is_free_again", "catalogue.cpp", "if (stands->type == asl::ExecutionType::express) {", "if (true) {", False, "House.*:*Names*"),
    Mutant("a_block_is_taken_on_trust", "orchestrator/journal/block_file.cpp", "check_of(block_, block, header_.sections[0]) != checks_[block]", "block > checks_.size()",
           "catalogue_test", "IndexFiles.*"),
    # Tasks and their ends.
    worker("another_tasks_folder", "task_folders.cpp", "if (!folder.may_be_wanted && folder.folder", "if (folder.folder", True,
           "TaskFolders*"),
    worker("a_grandchild_may_live_on", "descendants.cpp", "kill(child, SIGKILL);", "kill(child, SIGTERM);"),
    worker("a_daemon_is_let_go", "keeper_process.cpp", "PR_SET_CHILD_SUBREAPER, 1", "PR_SET_CHILD_SUBREAPER, 0"),
    worker("a_keeper_waits_for_its_program_to_load", "spawn.cpp", "return begin(spawning, kSuspended);", "return begin(spawning, CLONE_VFORK);",
           False, "RunnerTest.ATaskWhoseProgram*"),
    worker("who_signals_a_keeper_ends_nothing", "keeper_process.cpp", "      kill(-main_, signal);\n", "", False, "RunnerTest.*"),
    worker("a_signal_for_all_is_a_failure", "doubts.cpp", "if (told != one.told && one.time < told_.last() + window_) {",
           "if (told != one.told && one.time > told_.last() + window_) {", True, "Doubts*"),
    worker("a_failure_while_rank_0_is_silent", "doubts.cpp", "|| heard < one.time) {", "|| (heard < one.time && now < one.time)) {", True, "Doubts*"),
    worker("a_cut_off_task_has_an_outcome", "spool.cpp", "if (kept && work::is_outcome(outcome.kind)) {",
           "if (kept && outcome.kind != OutcomeKind::cancelled) {", True, "Spool*"),
    worker("a_spool_goes_too_early", "spool.cpp", "if (one.outcomes > acknowledged_ || is_needed(one.segment)) {", "if (one.outcomes > acknowledged_) {",
           False, "Spool*"),
    worker("a_fence_is_not_asked_last", "keeper.cpp", "fence_.begin_until ? fence_.begin_until() : BootClock::time_point::max()",
           "BootClock::time_point::max()", False, "Fence*"),
    worker("a_lock_goes_with_its_rank", "keeper.cpp", "guard != guard_ && fence_.lock >= 0 ? guard->hold(fence_.lock) : 0;", "0;", False, "Fence*"),
    worker("a_guard_without_a_clock", "keeper_process.cpp", "(is_closed(events) || (events == 0 && now_ns() >= end_ns_))", "is_closed(events)", False, "Fence*"),
    worker("nobody_is_outlived", "roster.cpp", "if (waited < longest) {", "if (false) {", True, "Roster*"),
    fleet("rank_0_beats_without_the_lease", "mpi_fleet.cpp", "  heart_.beat_while(may_begin);\n", "", False, "Ranks*"),
    fleet("an_outcome_of_a_rank_that_lost_it", "heard_ranks.cpp", "if (found == flights_.end() || found->second.rank != one.rank) {\n    ++dropped_;\n    if (settings_.spool) {",
          "if (found == flights_.end()) {\n    ++dropped_;\n    if (settings_.spool) {"),
    fleet("a_lost_rank_is_heard", "heard_ranks.cpp", "if (one.standing == Standing::lost || one.standing == Standing::ended) {\n      ++dropped_;",
          "if (one.standing == Standing::ended) {\n      ++dropped_;"),
    fleet("handed_out_without_the_lease", "mpi_fleet.cpp", "if (waiting_.empty() || (may_begin_ && !may_begin_())) {", "if (waiting_.empty()) {"),
    fleet("twice_what_must_not_be", "lost_ranks.cpp", "if (record.kind == worker::SpoolKind::begun) {\n          begun.push_back(record.outcome.id);",
          "if (record.kind == worker::SpoolKind::begun) {"),
]
