#include "query/jsonpath/path.hpp"

#include "query/jsonpath/compiler.hpp"
#include "query/jsonpath/evaluator.hpp"
#include "query/jsonpath/steps.hpp"
#include "value/builder.hpp"
#include "value/utf8.hpp"

namespace lockstep::jsonpath {

struct Path::Program {
  std::string text;
  Root root = Root::input;
  std::string variable;
  Dialect dialect = Dialect::states;
  StepList list;
};

namespace {

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool continues_name(char c) {
  return starts_name(c) || (c >= '0' && c <= '9');
}

query::CompileProblem in_characters(query::CompileProblem problem, std::string_view text) {
  const std::string_view before = text.substr(0, std::min(problem.position, text.size()));
  problem.position = count_characters(before);
  return problem;
}

const Node* child(const Node& node, const Step& step) {
  if (step.kind == StepKind::name) {
    return node.is_object() ? find_member(node, step.name) : nullptr;
  }
  if (!node.is_array()) {
    return nullptr;
  }
  const auto size = static_cast<std::int64_t>(node.size());
  const std::int64_t index = step.index < 0 ? step.index + size : step.index;
  return index < 0 || index >= size ? nullptr : &node.at(static_cast<std::size_t>(index));
}

// Whether a value can be put where `list` points in `node`: members may be missing, elements may not.
bool can_place(const StepList& list, const Node& document) {
  const Node* node = &document;
  for (const Step& step : list.steps) {
    if (node == nullptr ? step.kind != StepKind::name : step.kind == StepKind::name && !node->is_object()) {
      return false;
    }
    node = node == nullptr ? nullptr : child(*node, step);
    if (node == nullptr && step.kind == StepKind::index) {
      return false;
    }
  }
  return true;
}

void build_placed(Builder& builder, const StepList& list, std::size_t at, const Value& document, const Node* node,
                  const Value& value) {
  if (at == list.steps.size()) {
    builder.value(value);
    return;
  }
  const Step& step = list.steps[at];
  const Node* place = node == nullptr ? nullptr : child(*node, step);
  if (step.kind == StepKind::index) {
    const std::int64_t size = static_cast<std::int64_t>(node->size());
    const auto index = static_cast<std::size_t>(step.index < 0 ? step.index + size : step.index);
    builder.begin_array();
    for (std::size_t i = 0; i < node->size(); ++i) {
      if (i == index) {
        build_placed(builder, list, at + 1, document, place, value);
      } else {
        builder.part(document, node->raw_at(i));
      }
    }
    builder.end_array();
    return;
  }
  builder.begin_object();
  const std::string_view key = node == nullptr ? std::string_view(step.name.text) : key_in(*node, step.name);
  for (std::size_t i = 0; node != nullptr && i < node->size(); ++i) {
    const Member& member = node->member(i);
    builder.key(member.key());
    if (member.key() == key) {
      build_placed(builder, list, at + 1, document, place, value);
    } else {
      builder.part(document, member.node);
    }
  }
  if (place == nullptr) {
    builder.key(key);
    build_placed(builder, list, at + 1, document, nullptr, value);
  }
  builder.end_object();
}

}  // namespace

const Node* find_member(const Node& object, const Name& name) {
  const Node* found = object.find(name.text);
  return found != nullptr || name.written.empty() ? found : object.find(name.written);
}

std::string_view key_in(const Node& object, const Name& name) {
  const bool as_written =
      !name.written.empty() && object.find(name.text) == nullptr && object.find(name.written) != nullptr;
  return as_written ? name.written : name.text;
}

std::string spell(const Step& step) {
  switch (step.kind) {
    case StepKind::name:
      return fmt::format("['{}']", step.name.text);
    case StepKind::index:
      return fmt::format("[{}]", step.index);
    case StepKind::names: {
      std::string names;
      for (const Name& name : step.detail->names) {
        names += fmt::format("{}'{}'", names.empty() ? "" : ",", name.text);
      }
      return "[" + names + "]";
    }
    case StepKind::indices:
      return fmt::format("[{}]", fmt::join(step.detail->indices, ","));
    case StepKind::slice:
      return fmt::format("[{}:{}]", step.detail->from ? std::to_string(*step.detail->from) : "",
                         step.detail->to ? std::to_string(*step.detail->to) : "");
    case StepKind::wildcard:
      return "[*]";
    case StepKind::descend:
      return "..";
    case StepKind::filter:
      return "[?]";
    case StepKind::function:
      return fmt::format(".{}()", to_string(step.detail->function));
  }
  return "";
}

std::string spell(const StepList& list, std::size_t count) {
  std::string text = "$";
  for (std::size_t i = 0; i < count; ++i) {
    text += spell(list.steps[i]);
  }
  return text;
}

const Node* follow(const StepList& list, const Node& start) {
  const Node* node = &start;
  for (const Step& step : list.steps) {
    node = child(*node, step);
    if (node == nullptr) {
      return nullptr;
    }
  }
  return node;
}

Path::Path(std::unique_ptr<const Program> program) : program_(std::move(program)) {}
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(Path&&) noexcept = default;
Path::~Path() = default;

query::Compiled<Path> Path::compile(std::string_view text, Dialect dialect) {
  auto program = std::make_unique<Program>();
  program->text = text;
  program->dialect = dialect;
  std::string with_root;
  const auto first = text.find_first_not_of(' ');
  std::string_view path =
      first == std::string_view::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
  std::size_t begin = 1;
  if (dialect == Dialect::states) {
    if (text.empty() || text[0] != '$') {
      return tl::unexpected(query::CompileProblem{"Path must start with '$'", 0});
    }
    if (path.size() > 1 && path[1] == '$') {
      program->root = Root::context;
      begin = 2;
    } else if (path.size() > 1 && starts_name(path[1])) {
      program->root = Root::variable;
      while (begin < path.size() && continues_name(path[begin])) {
        ++begin;
      }
      program->variable = path.substr(1, begin - 1);
    }
  } else if (path.empty()) {
    return tl::unexpected(query::CompileProblem{"path can not be null or empty", 0});
  } else if (path[0] != '$' && path[0] != '@') {
    with_root = "$." + std::string(path);
    path = with_root;
  }
  query::Compiled<StepList> list = compile_steps(path, begin, dialect, 0);
  if (!list) {
    return tl::unexpected(in_characters(std::move(list.error()), text));
  }
  program->list = std::move(*list);
  return Path(std::move(program));
}

const std::string& Path::text() const {
  return program_->text;
}
Root Path::root() const {
  return program_->root;
}
const std::string& Path::variable() const {
  return program_->variable;
}
bool Path::is_definite() const {
  return program_->list.definite;
}
bool Path::is_reference() const {
  return program_->list.reference;
}
bool Path::is_whole() const {
  return program_->list.steps.empty();
}

const Node* Path::find(const Node& document) const {
  return follow(program_->list, document);
}

Miss Path::miss(const Node& document) const {
  const StepList& list = program_->list;
  const Node* node = &document;
  std::size_t reached = 0;
  while (reached < list.steps.size()) {
    const Node* next = child(*node, list.steps[reached]);
    if (next == nullptr) {
      break;
    }
    node = next;
    ++reached;
  }
  return explain(list, reached, *node);
}

const Value* Path::document(const query::Environment& environment) const {
  switch (program_->root) {
    case Root::input:
      return &environment.input;
    case Root::context:
      return &environment.context();
    case Root::variable:
      return environment.variables == nullptr ? nullptr : environment.variables->find(program_->variable);
  }
  return nullptr;
}

tl::expected<Value, Miss> Path::select(const Value& document) const {
  if (is_whole()) {
    return document;
  }
  if (is_definite()) {
    const Node* found = find(document.node());
    if (found == nullptr) {
      return tl::unexpected(miss(document.node()));
    }
    return document.part(*found);
  }
  Evaluator evaluator(document);
  tl::expected<Value, Miss> result = evaluator.evaluate(program_->list);
  if (!result && !program_->list.single && program_->dialect == Dialect::states && !evaluator.exhausted()) {
    return Value::empty_array();
  }
  return result;
}

tl::expected<Value, Miss> Path::select(const query::Environment& environment) const {
  const Value* chosen = document(environment);
  if (chosen == nullptr) {
    return tl::unexpected(Miss{"No results for path: $" + program_->variable});
  }
  return select(*chosen);
}

tl::expected<Value, Miss> Path::place(const Value& document, const Value& value) const {
  const StepList& list = program_->list;
  if (list.steps.empty()) {
    return value;
  }
  if (!can_place(list, document.node())) {
    std::string text;
    append_json(text, document.node());
    return tl::unexpected(Miss{fmt::format("Unable to apply ReferencePath {} to input {}", program_->text, text)});
  }
  Builder builder(document.node().size() * sizeof(Member) + 256);
  build_placed(builder, list, 0, document, &document.node(), value);
  return builder.finish();
}

}  // namespace lockstep::jsonpath
