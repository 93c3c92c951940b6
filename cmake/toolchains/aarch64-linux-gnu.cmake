# Cross-compiles for 64-bit ARM with Debian's compiler and runs the tests under QEMU:
#   apt-get install g++-aarch64-linux-gnu qemu-user-static
#   cmake --workflow --preset arm
# Header-only packages (nlohmann_json, Catch2 2) are those of the host. PCRE2 and utf8proc would be needed for arm64, hence
# TUTTI_TEXT_LIBRARIES=OFF in the preset.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)

set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
# "max" has every instruction that QEMU knows, among them dot products and 8-bit matrix products.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static -cpu max -L /usr/aarch64-linux-gnu)

set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE BOTH)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE BOTH)
