// What GCC 10 has of C++20: concepts, three-way comparison, spans, ranges, compile-time
// sorting, designated initialisers and template lambdas.
#include <algorithm>
#include <array>
#include <compare>
#include <concepts>
#include <ranges>
#include <span>
#include <vector>

static_assert(__cplusplus > 201703L, "not C++20");

template <typename Number>
concept Countable = std::integral<Number> && sizeof(Number) <= 8;

struct Version {
    int major;
    int minor;
    auto operator<=>(const Version&) const = default;
};

template <Countable Number>
Number total(std::span<const Number> numbers) {
    Number result{};
    for (const Number number : numbers) {
        result += number;
    }
    return result;
}

consteval int largest() {
    std::array<int, 4> numbers{3, 9, 1, 7};
    std::sort(numbers.begin(), numbers.end());
    return numbers.back();
}

int main() {
    const std::vector<int> numbers{1, 2, 3, 4, 5, 6};
    int even = 0;
    for (const int number : numbers | std::views::filter([](int n) { return n % 2 == 0; })) {
        even += number;
    }
    const auto same = []<typename Value>(Value left, Value right) { return left == right; };
    const Version ten{.major = 10, .minor = 2};
    const bool right = even == 12 && total(std::span<const int>(numbers)) == 21 &&
                       largest() == 9 && ten > Version{.major = 9, .minor = 5} && same(1, 1);
    return right ? 0 : 1;
}
