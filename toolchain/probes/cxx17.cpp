// C++17 in language and library: fold expressions, structured bindings, if constexpr,
// std::optional, std::variant, std::string_view and the file system library.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

static_assert(__cplusplus >= 201703L, "not C++17");

template <typename... Numbers>
constexpr auto sum(Numbers... numbers) {
    return (numbers + ... + 0);
}

template <typename Value>
std::string kind(const Value&) {
    if constexpr (std::is_integral_v<Value>) {
        return "whole";
    } else {
        return "other";
    }
}

std::optional<int> find(const std::map<std::string_view, int>& table, std::string_view key) {
    if (auto place = table.find(key); place != table.end()) {
        return place->second;
    }
    return std::nullopt;
}

int main() {
    const std::map<std::string_view, int> table{{"one", 1}, {"two", 2}};
    int total = 0;
    for (const auto& [name, value] : table) {
        total += value + static_cast<int>(name.size());
    }
    const std::variant<int, std::string> held = std::string("text");
    const bool right = sum(1, 2, 3) == 6 && kind(1) == "whole" && kind(1.5) == "other" &&
                       total == 9 && find(table, "two") == 2 && !find(table, "three") &&
                       std::holds_alternative<std::string>(held) &&
                       std::filesystem::path("/a/b.c").extension() == ".c";
    return right ? 0 : 1;
}
