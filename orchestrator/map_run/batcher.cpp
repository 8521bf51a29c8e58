#include "map_run/batcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "value/builder.hpp"

namespace lockstep::map_run {

namespace {

constexpr std::string_view kBatchInput = "BatchInput";
constexpr std::string_view kItems = "Items";

/// Begins a batch's input, up to where its items stand.
void begin(Builder& builder, const std::optional<Value>& batch_input) {
  builder.begin_object();
  if (batch_input) {
    builder.key(kBatchInput);
    builder.value(*batch_input);
  }
  builder.key(kItems);
  builder.begin_array();
}

Value end(Builder& builder) {
  builder.end_array();
  builder.end_object();
  return builder.finish();
}

}  // namespace

Batcher::Batcher(ItemSource& source, Select select, std::optional<BatchLimits> limits, std::uint64_t largest_input)
    : source_(source), select_(std::move(select)), limits_(std::move(limits)), largest_input_(largest_input) {
  if (limits_) {
    if (limits_->bytes != 0) {
      largest_input_ = std::min(largest_input_, limits_->bytes);
    }
    Builder empty;
    begin(empty, limits_->batch_input);
    around_ = end(empty).text_size();
  }
}

Result<std::optional<Batch>> Batcher::next() {
  if (limits_) {
    return fill();
  }
  auto batch = TRY(take());
  if (batch) {
    if (const std::uint64_t bytes = batch->input.text_size(); bytes > largest_input_) {
      batch->failure = too_large(*batch, bytes);
    }
  }
  return batch;
}

Result<std::optional<Batch>> Batcher::take() {
  auto item = TRY(source_.next());
  if (!item) {
    return std::nullopt;
  }
  Batch batch;
  batch.first = items_++;
  if (select_) {
    batch.input = TRY(select_(batch.first, *item));
  } else {
    batch.input = std::move(item->value);
  }
  batch.key = std::move(item->key);
  batch.source = std::move(item->source);
  return batch;
}

Result<std::optional<Batch>> Batcher::fill() {
  std::optional<Batch> batch = std::exchange(ahead_, std::nullopt);
  if (!batch) {
    batch = TRY(take());
    if (!batch) {
      return std::nullopt;
    }
  }
  batch->key.clear();
  std::uint64_t bytes = around_ + batch->input.node().text_size();
  Builder builder;
  begin(builder, limits_->batch_input);
  builder.value(batch->input);
  if (bytes > largest_input_) {
    batch->failure = too_large(*batch, bytes);
    batch->input = end(builder);
    return batch;
  }
  while (limits_->items == 0 || batch->items < limits_->items) {
    auto item = TRY(take());
    if (!item) {
      break;
    }
    const std::uint64_t more = 1 + item->input.node().text_size();  // with its comma
    if (more > largest_input_ - bytes) {
      ahead_ = std::move(item);
      break;
    }
    bytes += more;
    builder.value(item->input);
    ++batch->items;
  }
  batch->input = end(builder);
  return batch;
}

std::string Batcher::too_large(const Batch& batch, std::uint64_t bytes) const {
  return fmt::format(
      "The item at index {} is too large: the input of its child workflow execution would have {} bytes{}, which "
      "exceeds the maximum of {} bytes.",
      batch.first, bytes, limits_ && limits_->batch_input ? " with its BatchInput" : "", largest_input_);
}

}  // namespace lockstep::map_run
