// One function whose symbol shows which std::string it takes: with _GLIBCXX_USE_CXX11_ABI=1
// the name holds `__cxx11`, with 0 it does not. Torch and TensorRT-LLM have to agree on it.
#include <string>

std::string coldforge_probe(const std::string& text) {
    return text + "!";
}

int main() {
    return coldforge_probe("abi") == "abi!" ? 0 : 1;
}
