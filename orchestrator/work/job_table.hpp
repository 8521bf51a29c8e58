// The jobs that tasks name.
#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include "work/job.hpp"

namespace lockstep::work {

/// The run's jobs by JobId, or those of them that a worker has heard of. It only grows, and what was found in it stays
/// where it is. One thread.
class JobTable {
 public:
  JobTable() = default;
  JobTable(std::vector<Job> jobs) {  // NOLINT(google-explicit-constructor): jobs.json is one
    for (Job& job : jobs) {
      add(std::move(job));
    }
  }
  /// Its id is the next one.
  JobId add(Job job) {
    const auto id = static_cast<JobId>(jobs_.size());
    jobs_.emplace(id, std::move(job));
    return id;
  }
  /// One that another table has as `id`. What is there already stays.
  void put(JobId id, Job job) { jobs_.emplace(id, std::move(job)); }
  /// Null: there is none.
  const Job* find(JobId id) const {
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : &found->second;
  }
  bool never_twice(JobId id) const {
    const Job* job = find(id);
    return job != nullptr && job->interrupted == Interrupted::fail;
  }
  std::size_t size() const { return jobs_.size(); }

 private:
  std::unordered_map<JobId, Job> jobs_;
};

}  // namespace lockstep::work
