// The Map state: its items, its processor, and what only a Distributed Map has (asl.md 3.7, distributed-map.md 1 to 8).
#include <fmt/format.h>

#include <array>

#include "asl/reader.hpp"
#include "asl/resource.hpp"

namespace lockstep::asl {

namespace {

constexpr std::int64_t kAny = INT64_MAX;
constexpr std::int64_t kMaxBatchBytes = 262'144;
constexpr std::size_t kMaxLabel = 40;
constexpr std::size_t kMaxItemsPointer = 2000;

constexpr auto kDistributedFields =
    std::to_array<std::string_view>({"ItemReader", "ItemBatcher", "ResultWriter", "Label"});
constexpr auto kToleranceFields =
    std::to_array<std::string_view>({"ToleratedFailureCount", "ToleratedFailureCountPath", "ToleratedFailurePercentage",
                                     "ToleratedFailurePercentagePath"});

/// distributed-map.md 3. `text` is UTF-8, or WTF-8 where it was spelled with lone surrogates.
bool is_label(std::string_view text) {
  constexpr std::string_view kForbidden = "?*<>{}[]\"#%\\^|~`$&,;:/";
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned second = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    const unsigned third = i + 2 < text.size() ? static_cast<unsigned char>(text[i + 2]) : 0U;
    if (byte <= 0x20 || byte == 0x7F || kForbidden.find(text[i]) != std::string_view::npos) {
      return false;
    }
    const bool latin1_control_or_blank = byte == 0xC2 && second <= 0xA0;
    const bool surrogate = byte == 0xED && second >= 0xA0;
    const bool noncharacter = byte == 0xEF && second == 0xBF && third >= 0xBE;
    const bool wide_blank =  // U+1680, U+2000 to U+200A, U+2028, U+2029, U+202F, U+205F, U+3000
        (byte == 0xE1 && second == 0x9A && third == 0x80) ||
        (byte == 0xE2 && second == 0x80 && (third <= 0x8A || third == 0xA8 || third == 0xA9 || third == 0xAF)) ||
        (byte == 0xE2 && second == 0x81 && third == 0x9F) || (byte == 0xE3 && second == 0x80 && third == 0x80);
    if (latin1_control_or_blank || surrogate || noncharacter || wide_blank) {
      return false;
    }
    characters += (byte & 0xC0U) != 0x80U ? 1 : 0;
  }
  return characters > 0 && characters <= kMaxLabel;
}

std::string text_or_empty(std::optional<std::string_view> text) {
  return std::string(text.value_or(""));
}

}  // namespace

Map Reader::read_map(const Object& object, State& state, const Enclosing& enclosing) {
  Map map;
  if (object.jsonata()) {
    const Node* items = object.find("Items");
    if (items != nullptr && !items->is_container() &&
        !(items->is_string() && jsonata::is_expression_string(items->as_string()))) {
      wrong_type(Place(object.place, "Items"), "ARRAY");
    } else {
      map.items = read_jsonata_as(object, "Items", Kind::array);
    }
  } else {
    map.items = read_reference_path(object, "ItemsPath", &map.items_path);
    if (map.items_path == "$") {
      map.items = nullptr;
    }
  }
  const bool deprecated = !object.jsonata() && object.has("Parameters");
  if (deprecated && object.has("ItemSelector")) {
    unsupported(object, "ItemSelector");
  }
  map.item_selector = read_payload(object, deprecated ? "Parameters" : "ItemSelector");
  map.max_concurrency = read_computed(object, "MaxConcurrency", {0, kAny});
  map.tolerated_failure_count = read_computed(object, "ToleratedFailureCount", {0, kAny});
  map.tolerated_failure_percentage = read_computed(object, "ToleratedFailurePercentage", {0, 100}, true);
  read_processor(object, state, enclosing, map);
  read_distributed_fields(object, map);
  return map;
}

void Reader::read_processor(const Object& object, const State& state, const Enclosing& enclosing, Map& map) {
  const bool deprecated = object.has("Iterator");
  exclusive(object, "ItemProcessor", "Iterator");
  const std::string_view key = deprecated ? "Iterator" : "ItemProcessor";
  const Node* node = object.find(key);
  if (node == nullptr) {
    require(object, {"ItemProcessor"});
    return;
  }
  const Place place(object.place, key);
  if (node->is_object()) {
    read_processor_config(child(object, *node, place), enclosing.express, map);
  }
  Enclosing inner;
  inner.owner = state.id;
  inner.express = enclosing.express || map.express_children;
  inner.fresh_scope = map.distributed;
  inner.is_processor = true;
  inner.depth = enclosing.depth + 1;
  map.processor = read_scope(*node, place, inner);
}

void Reader::read_processor_config(const Object& processor, bool express_parent, Map& map) {
  const Node* node = processor.find("ProcessorConfig");
  if (node == nullptr) {
    return;
  }
  const Place place(processor.place, "ProcessorConfig");
  if (!node->is_object()) {
    wrong_type(place, "OBJECT");
    return;
  }
  const Object config = child(processor, *node, place);
  check_keys(config, {"Mode", "ExecutionType"});
  const auto mode = read_choice_of(config, "Mode", {"INLINE", "DISTRIBUTED"});
  const auto execution = read_choice_of(config, "ExecutionType", {"STANDARD", "EXPRESS"});
  map.distributed = mode == "DISTRIBUTED";
  if (map.distributed) {
    require(config, {"ExecutionType"});
    map.express_children = execution == "EXPRESS";
    if (express_parent) {
      report_.schema(Place(place, "Mode"), "Express state machine does not support Map state in DISTRIBUTED mode");
    }
  } else if (config.has("ExecutionType") && !(config.has("Mode") && !mode.has_value())) {
    unsupported(config, "ExecutionType");
  }
}

void Reader::read_distributed_fields(const Object& object, Map& map) {
  if (!map.distributed) {
    for (const std::string_view key : kDistributedFields) {
      if (object.has(key)) {
        unsupported(object, key);
      }
    }
    // Definitions in use say this of inline Maps, and AWS runs them.
    for (const std::string_view key : kToleranceFields) {
      if (object.has(key)) {
        report_.warning(kSchema, Place(object.place, key),
                        fmt::format("Field '{}' has no effect unless the Map is distributed", key));
      }
    }
    return;
  }
  read_label(object, map);
  if (object.has("ItemReader")) {
    map.reader = read_item_reader(object);
  }
  if (object.has("ItemBatcher")) {
    map.batcher = read_item_batcher(object);
  }
  if (object.has("ResultWriter")) {
    map.writer = read_result_writer(object);
  }
}

void Reader::read_label(const Object& object, Map& map) {
  const std::optional<std::string_view> label = read_string(object, "Label");
  if (!label.has_value()) {
    return;
  }
  const Place place(object.place, "Label");
  if (!is_label(*label)) {
    report_.error("INVALID_LABEL_NAME", place, fmt::format("Invalid label name: {}", shortened(*label)));
    return;
  }
  map.label = std::string(*label);
  if (std::find(labels_.begin(), labels_.end(), map.label) != labels_.end()) {
    report_.error("DUPLICATE_LABEL_NAME", place, fmt::format("Duplicate label name: {}", map.label));
    return;
  }
  labels_.push_back(map.label);
}

ItemReader Reader::read_item_reader(const Object& object) {
  ItemReader reader;
  const Place place(object.place, "ItemReader");
  const Node& node = *object.find("ItemReader");
  if (!node.is_object()) {
    wrong_type(place, "OBJECT");
    return reader;
  }
  const Object inner = child(object, node, place);
  const std::string_view arguments = inner.jsonata() ? "Arguments" : "Parameters";
  const std::string_view foreign = inner.jsonata() ? "Parameters" : "Arguments";
  check_keys(inner, {"Resource", "Parameters", "Arguments", "ReaderConfig", "Comment"});
  require(inner, {"Resource"});
  if (inner.has(foreign)) {
    other_language(inner, foreign);
  }
  reader.resource = text_or_empty(read_string(inner, "Resource"));
  if (!reader.resource.empty() && !is_item_source(reader.resource)) {
    report_.schema(Place(place, "Resource"), not_recognized(reader.resource));
  }
  reader.arguments = read_payload(inner, arguments);
  const Node* config = inner.find("ReaderConfig");
  if (config == nullptr) {
    return reader;
  }
  const Place config_place(place, "ReaderConfig");
  if (!config->is_object()) {
    wrong_type(config_place, "OBJECT");
    return reader;
  }
  read_reader_config(child(inner, *config, config_place), reader);
  return reader;
}

void Reader::read_reader_config(const Object& config, ItemReader& reader) {
  check_keys(config, {"InputType", "Transformation", "ManifestType", "CSVHeaderLocation", "CSVHeaders", "CSVDelimiter",
                      "ItemsPointer", "MaxItems", "MaxItemsPath", "Comment"});
  // HDF5 and LINES are not AWS's.
  reader.input_type = text_or_empty(
      read_choice_of(config, "InputType", {"CSV", "JSON", "JSONL", "PARQUET", "MANIFEST", "HDF5", "LINES"}));
  if (reader.input_type == "PARQUET") {
    report_.beyond_this_version(Place(config.place, "InputType"),
                                "This version cannot read Parquet files: convert them to CSV, JSONL or HDF5");
  }
  reader.transformation = text_or_empty(read_choice_of(config, "Transformation", {"NONE", "LOAD_AND_FLATTEN"}));
  reader.manifest_type = text_or_empty(read_choice_of(config, "ManifestType", {"ATHENA_DATA", "S3_INVENTORY"}));
  if (reader.manifest_type == "ATHENA_DATA") {
    report_.beyond_this_version(Place(config.place, "ManifestType"),
                                "This version cannot read manifests of Athena: read the data files that it names with "
                                "s3:listObjectsV2 and LOAD_AND_FLATTEN");
  }
  reader.csv_header_location = text_or_empty(read_choice_of(config, "CSVHeaderLocation", {"FIRST_ROW", "GIVEN"}));
  reader.csv_delimiter =
      text_or_empty(read_choice_of(config, "CSVDelimiter", {"COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"}));
  if (const Node* headers = config.find("CSVHeaders"); headers != nullptr) {
    const Place place(config.place, "CSVHeaders");
    if (!headers->is_array()) {
      wrong_type(place, "ARRAY");
    } else if (headers->size() == 0) {
      report_.schema(place, "Value cannot be empty");
    }
    for (std::size_t i = 0; headers->is_array() && i < headers->size(); ++i) {
      if (headers->at(i).is_string()) {
        reader.csv_headers.emplace_back(headers->at(i).as_string());
      } else {
        wrong_type(Place(place, i), "STRING");
      }
    }
  }
  if (reader.input_type == "CSV" && reader.manifest_type.empty()) {
    require(config, {"CSVHeaderLocation"});
  }
  if (reader.csv_header_location == "GIVEN") {
    require(config, {"CSVHeaders"});
  }
  reader.items_pointer = text_or_empty(read_string(config, "ItemsPointer"));
  if (!reader.items_pointer.empty() &&
      (reader.items_pointer.front() != '/' || reader.items_pointer.size() > kMaxItemsPointer)) {
    report_.schema(Place(config.place, "ItemsPointer"), "Value must be a valid JSON Pointer");
  }
  if (!config.jsonata() || config.has("MaxItems")) {
    reader.max_items = read_computed(config, "MaxItems", {0, kAny});
  }
  if (config.jsonata() && config.has("MaxItemsPath")) {
    other_language(config, "MaxItemsPath");
  }
}

ItemBatcher Reader::read_item_batcher(const Object& object) {
  ItemBatcher batcher;
  const Place place(object.place, "ItemBatcher");
  const Node& node = *object.find("ItemBatcher");
  if (!node.is_object()) {
    wrong_type(place, "OBJECT");
    return batcher;
  }
  const Object inner = child(object, node, place);
  check_keys(inner, {"MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath",
                     "BatchInput", "Comment"});
  bool limited = false;
  for (const std::string_view key :
       {"MaxItemsPerBatch", "MaxItemsPerBatchPath", "MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"}) {
    limited = limited || inner.has(key);
    if (inner.jsonata() && key.ends_with("Path") && inner.has(key)) {
      other_language(inner, key);
    }
  }
  if (!limited) {
    report_.schema(place, "One of these fields is required: [MaxItemsPerBatch, MaxInputBytesPerBatch]");
  }
  batcher.max_items = read_computed(inner, "MaxItemsPerBatch", {1, kAny});
  batcher.max_input_bytes = read_computed(inner, "MaxInputBytesPerBatch", {1, kMaxBatchBytes});
  batcher.batch_input = read_payload(inner, "BatchInput");
  return batcher;
}

ResultWriter Reader::read_result_writer(const Object& object) {
  ResultWriter writer;
  const Place place(object.place, "ResultWriter");
  const Node& node = *object.find("ResultWriter");
  if (!node.is_object()) {
    wrong_type(place, "OBJECT");
    return writer;
  }
  const Object inner = child(object, node, place);
  const std::string_view arguments = inner.jsonata() ? "Arguments" : "Parameters";
  const std::string_view foreign = inner.jsonata() ? "Parameters" : "Arguments";
  check_keys(inner, {"Resource", "Parameters", "Arguments", "WriterConfig", "Comment"});
  if (inner.has(foreign)) {
    other_language(inner, foreign);
  }
  if (!inner.has("Resource") && !inner.has("WriterConfig")) {
    report_.schema(place, node.size() == 0 ? "Value cannot be empty" : "These fields are required: [Resource]");
  } else if (inner.has("Resource") && !inner.has(arguments) && !inner.has(foreign)) {
    require(inner, {arguments});
  }
  writer.resource = text_or_empty(read_string(inner, "Resource"));
  if (!writer.resource.empty() && !is_result_sink(writer.resource)) {
    report_.schema(Place(place, "Resource"), not_recognized(writer.resource));
  }
  writer.arguments = read_payload(inner, arguments);
  const Node* config = inner.find("WriterConfig");
  if (config == nullptr) {
    return writer;
  }
  const Place config_place(place, "WriterConfig");
  if (!config->is_object()) {
    wrong_type(config_place, "OBJECT");
    return writer;
  }
  const Object config_object = child(inner, *config, config_place);
  check_keys(config_object, {"Transformation", "OutputType", "Comment"});
  writer.transformation =
      text_or_empty(read_choice_of(config_object, "Transformation", {"NONE", "COMPACT", "FLATTEN"}));
  writer.output_type = text_or_empty(read_choice_of(config_object, "OutputType", {"JSON", "JSONL", "HDF5"}));
  if (writer.output_type == "HDF5" && !inner.has("Resource")) {
    report_.schema(Place(config_place, "OutputType"), "HDF5 is a form of files: the field [Resource] is required");
  }
  return writer;
}

}  // namespace lockstep::asl
