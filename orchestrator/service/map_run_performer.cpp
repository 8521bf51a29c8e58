#include "service/map_run_performer.hpp"

#include <algorithm>
#include <charconv>

#include "engine/snapshot.hpp"

namespace lockstep::service {

namespace {

constexpr std::size_t kAtOnce = 1000;  // requests between two looks at anything else
constexpr std::string_view kPrefix = "map-";
constexpr std::size_t kUuid = 36;

const asl::Map& map_of(const MapRunWork& work) {
  const engine::DispatchTask& dispatch = work.dispatch();
  return std::get<asl::Map>(dispatch.machine->state(dispatch.state).detail);
}

/// The request that begins a child. After a redrive an EXPRESS one is another execution.
std::string start_of(const MapRunWork& work, std::uint64_t child) {
  const std::string request = fmt::format("{}{}-{}", kPrefix, work.uuid(), child);
  return map_of(work).express_children && work.redrives() > 0 ? fmt::format("{}-r{}", request, work.redrives())
                                                              : request;
}

/// The Map Run's uuid and the child's number in the name of a request.
std::optional<std::pair<std::string, std::uint64_t>> parse_request(std::string_view id) {
  if (!id.starts_with(kPrefix) || id.size() < kPrefix.size() + kUuid + 2) {
    return std::nullopt;
  }
  const std::string_view number = id.substr(kPrefix.size() + kUuid + 1);
  std::uint64_t child = 0;
  const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), child);
  return problem == std::errc() ? std::optional(std::pair(std::string(id.substr(kPrefix.size(), kUuid)), child))
                                : std::nullopt;
}

std::tuple<work::ExecutionId, work::StrandId, std::uint32_t> place_of(const work::DispatchId& id) {
  return {id.execution, id.strand, id.visit};
}

}  // namespace

MapRunPerformer::Run* MapRunPerformer::find(const work::DispatchId& id) {
  const auto known = runs_.find(id);
  return known == runs_.end() ? nullptr : &known->second;
}

std::optional<work::DispatchId> MapRunPerformer::at_work(const std::string& map_run) const {
  const auto known = by_uuid_.find(map_run.substr(map_run.rfind(':') + 1));
  return known != by_uuid_.end() && is_out(known->second) ? std::optional(known->second) : std::nullopt;
}

void MapRunPerformer::dispatch(engine::DispatchTask dispatch) {
  if (is_out(dispatch.id)) {  // else it was given up before it could begin
    add(std::move(dispatch));
    wake();
  }
}

void MapRunPerformer::add(engine::DispatchTask dispatch) {
  const work::DispatchId id = dispatch.id;
  Run& run = runs_[id];
  run.work = std::make_unique<MapRunWork>(parts_.work, std::move(dispatch));
  by_uuid_.insert_or_assign(run.work->uuid(), id);
}

void MapRunPerformer::cancel(const engine::DispatchId& id) {
  Run* run = find(id);
  if (run == nullptr) {
    return;
  }
  std::erase_if(requests_, [&](const Incoming& one) {
    const auto asked = asked_.find(one.id);
    const auto* start = one.request ? std::get_if<StartChild>(&*one.request) : nullptr;
    const bool is_its = asked != asked_.end() && asked->second.run == id && start != nullptr && !start->stands;
    if (is_its) {
      run->requests.erase(asked->second.child);
      asked_.erase(asked);
    }
    return is_its;
  });
  stop_children(*run);
  std::erase_if(by_uuid_, [&](const auto& one) { return one.second == id; });
  runs_.erase(id);
  wake();
}

/// Children go on, and are asked for anew: those that began are found by their requests.
Result<std::vector<Fate>> MapRunPerformer::recover(const std::vector<engine::DispatchTask>& open) {
  std::vector<std::tuple<work::ExecutionId, work::StrandId, std::uint32_t>> places;
  for (const engine::DispatchTask& dispatch : open) {
    if (!is_out(dispatch.id)) {
      continue;  // what was found of others has given it up since
    }
    add(dispatch);
    find(dispatch.id)->recovered = true;
    places.push_back(place_of(dispatch.id));
  }
  std::sort(places.begin(), places.end());
  let_go([&](const engine::Execution& child) {
    return !std::binary_search(places.begin(), places.end(), place_of(*child.origin.child->parent));
  });
  return std::vector<Fate>(open.size(), StillRunning{});
}

void MapRunPerformer::advance() {
  for (auto& [id, run] : runs_) {
    if (!is_out(id)) {
      continue;  // its end is on the way
    }
    for (MapRunWork::Child& child : run.work->begin(kAtOnce)) {
      if (child.again) {
        begin_again(run, std::move(child));
      } else {
        start(run, std::move(child), false);
      }
    }
    if (run.work->stops()) {
      stop_children(run);
    }
    if (run.work->may_go_on()) {
      wake();
    }
  }
}

void MapRunPerformer::ask(const std::string& id, Asked asked, Request request) {
  asked_.insert_or_assign(id, std::move(asked));
  requests_.push_back({id, std::move(request)});
  wake();
}

void MapRunPerformer::start(Run& run, MapRunWork::Child child, bool stands) {
  const std::string id = start_of(*run.work, child.number);
  const std::uint64_t number = child.number;
  engine::StartExecution start = run.work->start_of(std::move(child));
  run.requests.insert_or_assign(number, id);
  Asked asked{run.work->dispatch().id, number, start.identity->arn()};
  ask(id, std::move(asked), StartChild{std::move(start), stands});
}

/// A child that may have run before the Map Run was redriven: what has succeeded stays, what had failed is redriven in
/// place; an EXPRESS one is another execution (distributed-map.md 11).
void MapRunPerformer::begin_again(Run& run, MapRunWork::Child child) {
  const MapRunChildName name = run.work->name_of(child.number);
  const std::string arn = engine::execution_arn(name.machine_arn, name.name);
  const auto before =
      map_of(*run.work).express_children ? tl::unexpected(Refused{"ExecutionDoesNotExist", ""}) : parts_.describe(arn);
  if (!before) {
    if (before.error().error == "ExecutionDoesNotExist") {
      start(run, std::move(child), false);
    } else {
      run.work->refused(child.number, before.error().error, before.error().message);
    }
  } else if (before->status == engine::Status::running) {
    start(run, std::move(child), true);
  } else if (before->status == engine::Status::succeeded) {
    run.work->ended(child.number, *before, 0);
  } else {
    const std::string id = fmt::format("{}-again-{}", start_of(*run.work, child.number), run.work->redrives());
    Asked asked{run.work->dispatch().id, child.number, arn, Purpose::redrive};
    again_.insert_or_assign(id, Again{std::move(child), *before});
    Redrive redrive{arn};
    redrive.machine = run.work->dispatch().machine;
    redrive.revision = parts_.work.engine.find(run.work->dispatch().id.execution)->origin.revision;
    ask(id, std::move(asked), std::move(redrive));
  }
}

void MapRunPerformer::stop(const std::string& id, const Asked& asked) {
  const std::string arn = asked.arn;
  ask(id + "-stop", {asked.run, asked.child, arn, Purpose::stop}, Stop{arn, std::nullopt, std::nullopt});
}

void MapRunPerformer::stop_children(const Run& run) {
  std::unordered_set<std::string> known;
  for (const auto& [child, request] : run.requests) {
    const Asked& asked = asked_.at(request);
    known.insert(asked.arn);
    stop(request, asked);
  }
  if (run.recovered) {
    let_go([&](const engine::Execution& child) {
      return place_of(*child.origin.child->parent) == place_of(run.work->dispatch().id) &&
             !known.contains(child.identity->arn());
    });
  }
}

/// Children of Map Runs that an owner before has begun, and that nobody will ask for: whatever they come to is of no
/// use.
template <class IsMeant>
void MapRunPerformer::let_go(const IsMeant& is_meant) {
  for (const engine::ExecutionId id : engine::Snapshot::executions(parts_.work.engine)) {
    const engine::Execution& execution = *parts_.work.engine.find(id);
    const engine::ChildOrigin* child = execution.origin.child.get();
    if (child == nullptr || !child->parent || child->scope == asl::ScopeId::top || !is_meant(execution)) {
      continue;
    }
    for (const engine::RequestTaken& taken : *execution.requests) {
      if (!asked_.contains(taken.request)) {
        settled_.push_back(taken.request);
      }
    }
    if (execution.status == engine::Status::running) {
      stop(fmt::format("{}{}", kPrefix, execution.identity->name()), {*child->parent, 0, execution.identity->arn()});
    }
  }
}

bool MapRunPerformer::report(const TakeIn& take) {
  bool any = false;
  for (auto at = runs_.begin(); at != runs_.end();) {
    Run& run = at->second;
    bool over = false;
    while (!over && is_out(at->first)) {
      MapRunWork::News news = run.work->news();
      if (!news.report && !news.outcome && news.told.empty()) {
        break;
      }
      any = true;
      tell(run, news);
      if (news.report) {
        take(*std::move(news.report));
      }
      if (news.outcome) {
        by_uuid_.erase(run.work->uuid());
        take(*std::move(news.outcome));
        over = true;
      }
    }
    at = over ? runs_.erase(at) : std::next(at);
  }
  if (any) {
    wake();  // for what is settled, and what may begin now
  }
  return any;
}

void MapRunPerformer::tell(Run& run, const MapRunWork::News& news) {
  for (const std::uint64_t child : news.told) {
    if (const auto request = run.requests.find(child); request != run.requests.end()) {
      close(std::string(request->second));
    }
  }
}

std::vector<Incoming> MapRunPerformer::take() {
  const auto end = requests_.begin() + static_cast<std::ptrdiff_t>(std::min(requests_.size(), kAtOnce));
  std::vector<Incoming> taken(std::move_iterator(requests_.begin()), std::move_iterator(end));
  requests_.erase(requests_.begin(), end);
  return taken;
}

bool MapRunPerformer::may_come_again(const std::string& id) {
  if (asked_.contains(id)) {
    return true;
  }
  const auto request = parse_request(id);
  const auto known = request ? by_uuid_.find(request->first) : by_uuid_.end();
  const engine::Children* children = known == by_uuid_.end() ? nullptr : parts_.work.engine.find_map_run(known->second);
  return children != nullptr && !engine::is_settled(children->run->fate(request->second)) &&
         id == start_of(*find(known->second)->work, request->second);
}

void MapRunPerformer::reply(const std::string& id, const Reply& reply) {
  const auto known = asked_.find(id);
  if (known == asked_.end()) {
    return;
  }
  const Asked asked = known->second;
  if (asked.purpose == Purpose::stop) {
    close(id);
  } else {
    std::visit(
        [&](const auto& body) {
          if constexpr (requires { answer(id, asked, body); }) {  // that it has begun is of no interest
            answer(id, asked, body);
          }
        },
        reply);
  }
  wake();
}

void MapRunPerformer::answer(const std::string& id, const Asked& asked, const Ended& ended) {
  Run* run = find(asked.run);
  if (run == nullptr || !run->work->is_live(asked.child) || !is_out(asked.run)) {
    close(id);  // nobody waits for it any more
    return;
  }
  const engine::Execution& execution = *parts_.work.engine.find(ended.end.id);
  run->work->ended(asked.child, describe(execution, ended.end), execution.redrive_count);
}

void MapRunPerformer::answer(const std::string& id, const Asked& asked, const Refused& refused) {
  Run* run = find(asked.run);
  const bool is_awaited = run != nullptr && run->work->is_live(asked.child) && is_out(asked.run);
  if (asked.purpose == Purpose::redrive) {
    const auto again = again_.extract(id);
    if (is_awaited && again) {
      run->work->ended(asked.child, again.mapped().before, 0);  // it stays as it is
    }
    close(id);
  } else if (is_awaited) {
    run->work->refused(asked.child, refused.error, refused.message);
  } else {
    close(id);
  }
}

/// It runs again, or is over again already.
void MapRunPerformer::answer(const std::string& id, const Asked& asked, const Accepted& /*accepted*/) {
  auto again = again_.extract(id);
  Run* run = find(asked.run);
  if (run == nullptr || !again || !is_out(asked.run)) {
    stop(id, asked);
  } else if (const auto now = parts_.describe(asked.arn); now && now->status != engine::Status::running) {
    run->work->ended(asked.child, *now, run->work->redrives());
  } else {
    start(*run, std::move(again.mapped().child), true);
    if (run->work->is_failing()) {
      stop(start_of(*run->work, asked.child), asked);
    }
  }
  close(id);
}

/// The request is dealt with.
void MapRunPerformer::close(const std::string& id) {
  settled_.push_back(id);
  if (const auto asked = asked_.extract(id)) {
    Run* run = asked.mapped().purpose == Purpose::start ? find(asked.mapped().run) : nullptr;
    if (run != nullptr) {
      run->requests.erase(asked.mapped().child);
    }
  }
}

void MapRunPerformer::wake() const {
  if (waker_ != nullptr) {
    waker_->wake();
  }
}

}  // namespace lockstep::service
