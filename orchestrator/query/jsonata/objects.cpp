// Objects: made, looked into, changed.
#include "query/jsonata/evaluator.hpp"
#include "query/jsonata/text.hpp"

namespace lockstep::jsonata {

namespace {

constexpr std::uint32_t kIndexed = 8;  // objects with more members have a hash table
constexpr std::uint32_t kEmpty = UINT32_MAX;

std::uint32_t table_slots(std::size_t capacity) {
  std::uint32_t slots = 32;
  while (slots < capacity * 2) {
    slots *= 2;
  }
  return slots;
}

void index_property(Object& object, std::uint32_t place) {
  std::uint32_t slot = object.properties[place].hash & object.mask;
  while (object.table[slot] != kEmpty) {
    slot = (slot + 1) & object.mask;
  }
  object.table[slot] = place;
}

void fill_table(Object& object) {
  std::fill_n(object.table, std::size_t{object.mask} + 1, kEmpty);
  for (std::uint32_t i = 0; i < object.size; ++i) {
    index_property(object, i);
  }
  object.indexed = true;
}

}  // namespace

Object* Evaluator::make_object(std::size_t capacity) {
  auto* object = heap_.make_array<Object>(1);
  *object = {heap_.make_array<Property>(capacity), 0, static_cast<std::uint32_t>(capacity), nullptr, 0, false};
  if (capacity > kIndexed) {
    const std::uint32_t slots = table_slots(capacity);
    object->table = heap_.make_array<std::uint32_t>(slots);
    object->mask = slots - 1;
  }
  return object;
}

namespace {

// Where `key` is in an indexed object, or kEmpty; then `slot` is where its place belongs.
std::uint32_t search(const Object& object, std::string_view key, std::uint32_t hash, std::uint32_t& slot) {
  const std::uint32_t* table = object.table;
  const Property* properties = object.properties;
  const std::uint32_t mask = object.mask;
  slot = hash & mask;
  for (;;) {
    const std::uint32_t place = table[slot];
    if (place == kEmpty || properties[place].has_key(key, hash)) {
      return place;
    }
    slot = (slot + 1) & mask;
  }
}

}  // namespace

Item* Evaluator::find(Object& object, std::string_view key, std::uint32_t hash) {
  if (object.size <= kIndexed) {
    for (std::uint32_t i = 0; i < object.size; ++i) {
      Property& property = object.properties[i];
      if (property.has_key(key, hash)) {
        return &property.value;
      }
    }
    return nullptr;
  }
  if (!object.indexed) {
    fill_table(object);
  }
  std::uint32_t slot = 0;
  const std::uint32_t place = search(object, key, hash, slot);
  return place != kEmpty ? &object.properties[place].value : nullptr;
}

Item& Evaluator::at_key(Object& object, std::string_view key, std::uint32_t hash) {
  if (object.size > kIndexed && object.size < object.capacity) {
    if (!object.indexed) {
      fill_table(object);
    }
    std::uint32_t slot = 0;
    const std::uint32_t place = search(object, key, hash, slot);
    if (place != kEmpty) {
      return object.properties[place].value;
    }
    object.table[slot] = object.size;
    Property& fresh = object.properties[object.size++];
    fresh = {key.data(), static_cast<std::uint32_t>(key.size()), hash, Item()};
    return fresh.value;
  }
  if (Item* found = find(object, key, hash)) {
    return *found;
  }
  add(object, key, hash, Item());
  return object.properties[object.size - 1].value;
}

Item Evaluator::merge_nodes(const Node& list, std::uint32_t owner) {
  const std::size_t size = list.size();
  std::size_t members = 0;
  for (std::size_t i = 0; i < size; ++i) {
    members += list.at(i).size();
  }
  spend(members + size);
  // No two may have a key in common: room for all, unless that would be out of proportion.
  Object& out = *make_object(std::min(members, size * 8 + 64));
  if (out.table == nullptr || members > out.capacity) {
    for (std::size_t i = 0; i < size; ++i) {
      const Node& from = list.at(i);
      for (std::size_t k = 0; k < from.size(); ++k) {
        const Member& member = from.member(k);
        at_key(out, member.key(), member.key_hash) = node_item(member.value(), owner);
      }
    }
    return object_item(&out);
  }
  fill_table(out);
  Property* const first = out.properties;
  Property* end = first;
  std::uint32_t* const table = out.table;
  const std::uint32_t mask = out.mask;
  for (std::size_t i = 0; i < size; ++i) {
    const Node& from = list.at(i);
    for (std::size_t k = 0, count = from.size(); k < count; ++k) {
      const Member& member = from.member(k);
      std::uint32_t slot = member.key_hash & mask;
      while (table[slot] != kEmpty && !first[table[slot]].has_key(member.key(), member.key_hash)) {
        slot = (slot + 1) & mask;
      }
      const Item value = node_item(member.value(), owner);
      if (table[slot] != kEmpty) {
        first[table[slot]].value = value;
        continue;
      }
      table[slot] = static_cast<std::uint32_t>(end - first);
      end->key_text = member.key_text;
      end->key_size = member.key_size;
      end->hash = member.key_hash;
      end->value = value;
      ++end;
    }
  }
  out.size = static_cast<std::uint32_t>(end - first);
  return object_item(&out);
}

void Evaluator::set(Object& object, std::string_view key, std::uint32_t hash, Item value) {
  at_key(object, key, hash) = value;
}

void Evaluator::add(Object& object, std::string_view key, std::uint32_t hash, Item value) {
  if (object.size == object.capacity) {
    Object* larger = make_object(std::max<std::size_t>(std::size_t{object.capacity} * 2, 4));
    std::copy_n(object.properties, object.size, larger->properties);
    larger->size = object.size;
    object = *larger;
  }
  Property& property = object.properties[object.size++];
  property.key_text = key.data();
  property.key_size = static_cast<std::uint32_t>(key.size());
  property.hash = hash;
  property.value = value;
  if (object.indexed) {
    index_property(object, object.size - 1);
  }
}

void Evaluator::remove(Object& object, std::string_view key) {
  const Item* found = find(object, key, hash_key(key));
  if (found == nullptr) {
    return;
  }
  std::uint32_t place = 0;
  while (&object.properties[place].value != found) {
    ++place;
  }
  std::copy(object.properties + place + 1, object.properties + object.size, object.properties + place);
  --object.size;
  object.indexed = false;
}

Item Evaluator::member(const Item& object, std::string_view key, std::uint32_t hash) {
  if (object.tag() == Tag::object) {
    const Item* found = find(*object.object(), key, hash);
    return found != nullptr ? *found : Item();
  }
  const Node* found = object.node()->find(key, hash);
  return found != nullptr ? node_item(*found, object.count()) : Item();
}

std::size_t Evaluator::member_count(const Item& object) {
  return object.tag() == Tag::object ? object.object()->size : object.node()->size();
}

Item Evaluator::lookup(const Item& input, std::string_view key, std::uint32_t hash) {
  if (input.is_object()) {
    return member(input, key, hash);
  }
  if (!input.is_array()) {
    return {};
  }
  check_stack();
  Collector items(*this);
  const std::size_t size = size_of(input);
  spend(size / 4 + 1);
  for (std::size_t i = 0; i < size; ++i) {
    const Item value = lookup(at(input, i), key, hash);
    if (!value.is_undefined()) {
      items.push_all(value);
    }
  }
  return items.to_array(true);
}

Item Evaluator::keys(const Item& input) {
  Collector names(*this);
  const auto name_item = [](std::string_view name) { return string_item(name, lockstep::jsonata::is_ascii(name)); };
  if (input.is_object()) {
    spend(member_count(input));
    if (input.tag() == Tag::object && in_order(input)) {
      const Object& object = *input.object();
      Array* all = make_array(object.size, true);
      for (; all->size < object.size; ++all->size) {
        all->items[all->size] = name_item(object.properties[all->size].key());
      }
      return array_item(all);
    }
    each_member(input, [&](std::string_view key, const Item&) { names.push(name_item(key)); });
  } else if (input.is_array()) {
    check_stack();
    // The keys of all elements, each once.
    Object* merged = make_object(8);
    const std::size_t size = size_of(input);
    for (std::size_t i = 0; i < size; ++i) {
      const Item inner = keys(at(input, i));
      for (std::size_t k = 0; k < size_of(inner); ++k) {
        spend(1);
        set(*merged, at(inner, k).as_string(), boolean_item(true));
      }
    }
    each_member(object_item(merged), [&](std::string_view key, const Item&) { names.push(name_item(key)); });
  }
  return names.to_array(true);
}

}  // namespace lockstep::jsonata
