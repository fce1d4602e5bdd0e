#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

namespace una {

// The members of a JSON object in the order of their insertion, as nlohmann::basic_json wants its ObjectType. Unlike
// nlohmann::ordered_map it does not look through all keys to find one: objects of more than kSmall members keep a hash
// table of the keys' places, so that 10^6 keys are read in a second. Const functions may be called from several threads.
template <class Key, class T, class Unused = void, class Allocator = std::allocator<std::pair<const Key, T>>>
class IndexedMap : public std::vector<std::pair<const Key, T>, Allocator> {
 public:
  using Container = std::vector<std::pair<const Key, T>, Allocator>;
  using key_type = Key;
  using mapped_type = T;
  using key_compare = std::equal_to<>;
  using value_type = typename Container::value_type;
  using size_type = typename Container::size_type;
  using iterator = typename Container::iterator;
  using const_iterator = typename Container::const_iterator;

  IndexedMap() = default;
  explicit IndexedMap(const Allocator& allocator) : Container(allocator) {}
  template <class It>
  IndexedMap(It first, It last, const Allocator& allocator = Allocator()) : Container(allocator) {
    insert(first, last);
  }
  IndexedMap(std::initializer_list<value_type> members, const Allocator& allocator = Allocator())
      : IndexedMap(members.begin(), members.end(), allocator) {}

  template <class K>
  std::pair<iterator, bool> emplace(K&& key, T&& value) {
    const size_type at = place(key);
    if (at != this->size()) { return {iterator_at(at), false}; }
    Container::emplace_back(std::forward<K>(key), std::move(value));
    note_last();
    return {std::prev(this->end()), true};
  }
  std::pair<iterator, bool> insert(value_type&& value) {
    return emplace(value.first, std::move(value.second));
  }
  std::pair<iterator, bool> insert(const value_type& value) { return emplace(value.first, T(value.second)); }
  template <class It, class = typename std::iterator_traits<It>::iterator_category>
  void insert(It first, It last) {
    for (; first != last; ++first) { emplace(first->first, T(first->second)); }
  }

  template <class K>
  T& operator[](K&& key) {
    return emplace(std::forward<K>(key), T{}).first->second;
  }
  const T& operator[](std::string_view key) const { return at(key); }
  T& at(std::string_view key) { return iterator_at(known(key))->second; }
  const T& at(std::string_view key) const {
    return this->begin()[static_cast<std::ptrdiff_t>(known(key))].second;
  }

  iterator find(std::string_view key) { return iterator_at(place(key)); }
  const_iterator find(std::string_view key) const {
    return this->begin() + static_cast<std::ptrdiff_t>(place(key));
  }
  size_type count(std::string_view key) const { return place(key) == this->size() ? 0 : 1; }

  size_type erase(std::string_view key) {
    const size_type at = place(key);
    if (at == this->size()) { return 0; }
    erase(iterator_at(at));
    return 1;
  }
  iterator erase(iterator at) { return erase(at, std::next(at)); }
  // Keys are const, so members are moved into a new vector.
  iterator erase(iterator first, iterator last) {
    const auto begin = std::distance(this->begin(), first), gone = std::distance(first, last);
    Container kept(this->get_allocator());
    kept.reserve(this->size() - static_cast<size_type>(gone));
    std::move(this->begin(), first, std::back_inserter(kept));
    std::move(last, this->end(), std::back_inserter(kept));
    Container::swap(kept);
    indexed_ = 0;
    return this->begin() + begin;
  }
  void clear() {
    Container::clear();
    indexed_ = 0;
  }

 private:
  static constexpr size_type kSmall = 16;
  static constexpr std::uint32_t kEmpty = UINT32_MAX;

  iterator iterator_at(size_type at) { return this->begin() + static_cast<std::ptrdiff_t>(at); }
  std::string_view key_at(size_type at) const { return Container::operator[](at).first; }

  // The key's place; size() when there is no such key.
  size_type place(std::string_view key) const {
    const bool use_slots = this->size() > kSmall && indexed_ == this->size();
    if (use_slots) { return look_up(key); }
    size_type at = 0;
    while (at < this->size() && key_at(at) != key) { ++at; }
    return at;
  }
  size_type known(std::string_view key) const {
    const size_type at = place(key);
    if (at == this->size()) { throw std::out_of_range("key not found"); }
    return at;
  }
  size_type look_up(std::string_view key) const {
    for (size_type slot = first_slot(key);; slot = (slot + 1) % slots_.size()) {
      if (slots_[slot] == kEmpty) { return this->size(); }
      if (key_at(slots_[slot]) == key) { return slots_[slot]; }
    }
  }
  size_type first_slot(std::string_view key) const {
    return std::hash<std::string_view>{}(key) % slots_.size();
  }

  void note_last() {
    const size_type size = this->size();
    if (size <= kSmall) { return; }
    if (indexed_ + 1 != size || slots_.size() < 2 * size) {
      slots_.assign(4 * size, kEmpty);
      indexed_ = 0;
    }
    for (; indexed_ < size; ++indexed_) {
      size_type slot = first_slot(key_at(indexed_));
      while (slots_[slot] != kEmpty) { slot = (slot + 1) % slots_.size(); }
      slots_[slot] = static_cast<std::uint32_t>(indexed_);
    }
  }

  std::vector<std::uint32_t> slots_;  // places of keys, by hash; at least half of them empty
  size_type indexed_ = 0;             // the first so many members are in slots_
};

}  // namespace una
