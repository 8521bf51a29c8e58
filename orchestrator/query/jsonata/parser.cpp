// Top-down operator precedence parser (Pratt), with the reference implementation's binding powers and errors.
#include <algorithm>

#include "query/jsonata/lexer.hpp"
#include "query/jsonata/problem.hpp"
#include "query/jsonata/program_data.hpp"

namespace lockstep::jsonata {

namespace {

// How high a tree may grow: later passes and the evaluation go down it recursively.
constexpr int kMaxHeight = 2000;

struct Binary {
  std::string_view text;
  int power;
  Op op;
};

constexpr Binary kBinaries[] = {
    {".", 75, Op::map},     {"+", 50, Op::add},           {"-", 50, Op::subtract},    {"*", 60, Op::multiply},
    {"/", 60, Op::divide},  {"%", 60, Op::modulo},        {"=", 40, Op::equal},       {"<", 40, Op::less},
    {">", 40, Op::greater}, {"!=", 40, Op::not_equal},    {"<=", 40, Op::less_equal}, {">=", 40, Op::greater_equal},
    {"&", 50, Op::concat},  {"and", 30, Op::logical_and}, {"or", 25, Op::logical_or}, {"in", 40, Op::in},
    {"~>", 40, Op::chain},  {"[", 80, Op::filter},        {"^", 40, Op::order_by},    {"{", 70, Op::group_by},
    {":=", 10, Op::assign}, {"@", 80, Op::focus},         {"#", 80, Op::index},       {"(", 80, Op::none},
    {"?", 20, Op::none},    {"??", 40, Op::none},         {"?:", 40, Op::none},
};

const Binary* find_binary(std::string_view text) {
  for (const Binary& binary : kBinaries) {
    if (binary.text == text) {
      return &binary;
    }
  }
  return nullptr;
}

class Parser {
 public:
  explicit Parser(ProgramData& program) : program_(program), lexer_(program) {}

  Expr* parse_all() {
    advance({}, false);
    Expr* e = expression(0);
    if (token_.type != Token::Type::end) {
      throw at_token("S0201");
    }
    return e;
  }

 private:
  bool is_op(std::string_view text) const { return token_.type == Token::Type::op && token_.text == text; }

  Problem at_token(std::string_view code) const { return token_problem(code, token_); }

  static Problem token_problem(std::string_view code, const Token& token) {
    Problem p = problem(code, token.position);
    p.token = token.text;
    p.has_token = true;
    if (token.type == Token::Type::number || token.type == Token::Type::value) {
      p.token_json = token.text;
    } else if (token.type == Token::Type::regex) {
      p.token_json = "{}";
    }
    return p;
  }

  // Moves to the next token; with `expected`, the current one must be that operator.
  void advance(std::string_view expected, bool after_operand) {
    if (!expected.empty() && !is_op(expected)) {
      Problem p = at_token(token_.type == Token::Type::end ? "S0203" : "S0202");
      p.value_json = "\"" + std::string(expected) + "\"";
      throw p;
    }
    token_ = lexer_.next(after_operand);
    if (token_.type == Token::Type::op && (token_.text == "!" || token_.text == "~")) {
      throw at_token("S0204");
    }
  }

  int left_power() const {
    if (token_.type != Token::Type::op) {
      return 0;
    }
    const Binary* binary = find_binary(token_.text);
    return binary != nullptr ? binary->power : 0;
  }

  Expr* expression(int right_power) {
    if (++nesting_ > kMaxHeight) {
      throw problem("D1011", token_.position);
    }
    const int outer_height = std::exchange(height_, 0);
    Token token = token_;
    advance({}, true);
    Expr* left = prefix(token);
    int height = height_ + 1;
    while (right_power < left_power()) {
      token = token_;
      advance({}, false);
      height_ = 0;
      left = infix(token, left);
      height = std::max(height, height_) + 1;
      if (height > kMaxHeight) {
        throw problem("D1011", token.position);
      }
    }
    height_ = std::max(outer_height, height);
    --nesting_;
    return left;
  }

  Expr* prefix(const Token& token) {
    switch (token.type) {
      case Token::Type::end: {
        Expr* e = program_.make(ExprType::end, token.position);
        e->text = token.text;
        return e;
      }
      case Token::Type::name:
        return with_text(ExprType::name, token);
      case Token::Type::variable:
        return with_text(ExprType::variable, token);
      case Token::Type::string:
        return with_text(ExprType::string, token);
      case Token::Type::number: {
        Expr* e = with_text(ExprType::number, token);
        e->constant = number_item(token.number);
        return e;
      }
      case Token::Type::value: {
        Expr* e = with_text(ExprType::value, token);
        e->constant = token.text == "null" ? null_item() : boolean_item(token.text == "true");
        return e;
      }
      case Token::Type::regex: {
        Expr* e = with_text(ExprType::regex, token);
        e->regex = token.regex;
        return e;
      }
      case Token::Type::op:
        return prefix_operator(token);
    }
    throw token_problem("S0211", token);
  }

  Expr* with_text(ExprType type, const Token& token) {
    Expr* e = program_.make(type, token.position);
    e->text = token.text;
    return e;
  }

  Expr* prefix_operator(const Token& token) {
    const std::string_view op = token.text;
    if (op == "and" || op == "or" || op == "in") {
      return with_text(ExprType::operator_name, token);
    }
    if (op == "-") {
      Expr* e = with_text(ExprType::negate, token);
      e->a = expression(70);
      return e;
    }
    if (op == "*") {
      return with_text(ExprType::wildcard, token);
    }
    if (op == "**") {
      return with_text(ExprType::descendant, token);
    }
    if (op == "%") {
      return with_text(ExprType::parent, token);
    }
    if (op == "(") {
      return block(token);
    }
    if (op == "[") {
      return array(token);
    }
    if (op == "{") {
      Expr* e = with_text(ExprType::object, token);
      pairs(*e);
      return e;
    }
    if (op == "|") {
      return transform(token);
    }
    throw token_problem("S0211", token);
  }

  Expr* block(const Token& token) {
    Expr* e = program_.make(ExprType::block, token.position);
    while (!is_op(")")) {
      e->items.push_back(expression(0));
      if (!is_op(";")) {
        break;
      }
      advance(";", false);
    }
    advance(")", true);
    return e;
  }

  Expr* array(const Token& token) {
    Expr* e = with_text(ExprType::array, token);
    if (!is_op("]")) {
      for (;;) {
        Expr* item = expression(0);
        if (is_op("..")) {
          Expr* range = with_text(ExprType::binary, token_);
          range->op = Op::range;
          advance("..", false);
          range->a = item;
          range->b = expression(0);
          item = range;
        }
        e->items.push_back(item);
        if (!is_op(",")) {
          break;
        }
        advance(",", false);
      }
    }
    advance("]", true);
    return e;
  }

  void pairs(Expr& e) {
    if (!is_op("}")) {
      for (;;) {
        Expr* key = expression(0);
        advance(":", false);
        Expr* value = expression(0);
        e.pairs.emplace_back(key, value);
        if (!is_op(",")) {
          break;
        }
        advance(",", false);
      }
    }
    advance("}", true);
  }

  Expr* transform(const Token& token) {
    Expr* e = program_.make(ExprType::transform, token.position);
    e->a = expression(0);
    advance("|", false);
    e->b = expression(0);
    if (is_op(",")) {
      advance(",", false);
      e->c = expression(0);
    }
    advance("|", false);
    return e;
  }

  Expr* infix(const Token& token, Expr* left) {
    const std::string_view op = token.text;
    if (op == "(") {
      return call(token, left);
    }
    if (op == "?") {
      Expr* e = program_.make(ExprType::condition, token.position);
      e->a = left;
      e->b = expression(0);
      if (is_op(":")) {
        advance(":", false);
        e->c = expression(0);
        e->has_else = true;
      }
      return e;
    }
    if (op == "??" || op == "?:") {
      Expr* e = program_.make(op == "??" ? ExprType::coalesce : ExprType::elvis, token.position);
      e->a = left;
      e->b = expression(0);
      return e;
    }
    if (op == "[" && is_op("]")) {
      Expr* step = left;
      while (step->type == ExprType::binary && step->op == Op::filter) {
        step = step->a;
      }
      step->keep_array = true;
      advance("]", false);
      return left;
    }
    Expr* e = with_text(ExprType::binary, token);
    const Binary& binary = *find_binary(op);
    e->op = binary.op;
    e->a = left;
    switch (binary.op) {
      case Op::filter:
        e->b = expression(0);
        advance("]", true);
        return e;
      case Op::order_by:
        terms(*e);
        return e;
      case Op::group_by:
        pairs(*e);
        return e;
      case Op::assign:
        if (left->type != ExprType::variable) {
          throw expr_problem("S0212", *left);
        }
        e->b = expression(binary.power - 1);
        return e;
      case Op::focus:
      case Op::index:
        e->b = expression(binary.power);
        if (e->b->type != ExprType::variable) {
          Problem p = problem("S0214", e->b->position);
          p.token = op;
          p.has_token = true;
          throw p;
        }
        return e;
      default:
        e->b = expression(binary.power);
        return e;
    }
  }

  static Problem expr_problem(std::string_view code, const Expr& e) {
    Problem p = problem(code, e.position);
    p.token = e.text;
    p.has_token = true;
    if (e.type == ExprType::number || e.type == ExprType::value) {
      p.token_json = e.text;
    }
    return p;
  }

  void terms(Expr& e) {
    advance("(", false);
    for (;;) {
      SortTerm term;
      if (is_op("<")) {
        advance("<", false);
      } else if (is_op(">")) {
        term.descending = true;
        advance(">", false);
      }
      term.expression = expression(0);
      e.terms.push_back(term);
      if (!is_op(",")) {
        break;
      }
      advance(",", false);
    }
    advance(")", false);
  }

  Expr* call(const Token& token, Expr* left) {
    Expr* e = with_text(ExprType::function, token);
    e->a = left;
    if (!is_op(")")) {
      for (;;) {
        if (is_op("?")) {
          e->type = ExprType::partial;
          e->items.push_back(with_text(ExprType::operator_name, token_));
          advance("?", false);
        } else {
          e->items.push_back(expression(0));
        }
        if (!is_op(",")) {
          break;
        }
        advance(",", false);
      }
    }
    advance(")", true);
    if (left->type == ExprType::name && (left->text == "function" || left->text == "\xCE\xBB")) {
      lambda(*e);
    }
    return e;
  }

  void lambda(Expr& e) {
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      if (e.items[i]->type != ExprType::variable) {
        Problem p = expr_problem("S0208", *e.items[i]);
        p.value_json = std::to_string(i + 1);
        throw p;
      }
    }
    e.type = ExprType::lambda;
    if (is_op("<")) {
      const std::int32_t start = token_.position;
      int depth = 1;
      std::string text = "<";
      while (depth > 0 && !is_op("{") && token_.type != Token::Type::end) {
        advance({}, false);
        depth += is_op("<") ? 1 : is_op(">") ? -1 : 0;
        text += token_.text;
      }
      advance(">", false);
      try {
        e.signature = program_.signatures.emplace_back(Signature::parse(text)).get();
      } catch (Problem& p) {
        p.position += start;  // it counts from the start of the signature
        throw;
      }
    }
    advance("{", false);
    e.a = expression(0);
    advance("}", false);
  }

  ProgramData& program_;
  Lexer lexer_;
  Token token_;
  int nesting_ = 0;
  int height_ = 0;  // of the highest tree that was parsed since it was last set to 0
};

}  // namespace

void parse(ProgramData& program) {
  program.root = Parser(program).parse_all();
}

}  // namespace lockstep::jsonata
