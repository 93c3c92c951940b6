# Every library tutti can use: found where the system has it, otherwise fetched. docs/dependencies.md says what each one is for.
include(FetchContent)

# Downloads are pinned by hash. Their headers count as system headers (SYSTEM), so their warnings are not ours.
FetchContent_Declare(
  nlohmann_json
  URL https://github.com/nlohmann/json/releases/download/v3.11.3/json.tar.xz
  URL_HASH SHA256=d6c65aca6b1ed68e7a182f4757257b107ae403032760ed6ef121c9d55e81757d
  SYSTEM
  FIND_PACKAGE_ARGS 3.10 CONFIG)
FetchContent_Declare(
  Catch2
  URL https://github.com/catchorg/Catch2/archive/refs/tags/v3.4.0.tar.gz
  URL_HASH SHA256=122928b814b75717316c71af69bd2b43387643ba076a6ec16e7882bfb2dfacbb
  SYSTEM
  FIND_PACKAGE_ARGS CONFIG)
FetchContent_Declare(
  benchmark
  URL https://github.com/google/benchmark/archive/refs/tags/v1.8.3.tar.gz
  URL_HASH SHA256=6bc180a57d23d4d9515519f92b0c83d61b05b5bab188961f36ac7b06b0d9e9ce
  SYSTEM
  FIND_PACKAGE_ARGS CONFIG)
FetchContent_Declare(
  CLI11
  URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.4.2.tar.gz
  URL_HASH SHA256=f2d893a65c3b1324c50d4e682c0cdc021dd0477ae2c048544f39eed6654b699a
  SYSTEM
  FIND_PACKAGE_ARGS CONFIG)

# Makes one of the packages above available. A macro, because find_package() may extend CMAKE_MODULE_PATH for its caller.
macro(tutti_require_package name)
  # Options of the fetched projects. The two libraries in tutti's interface must have install rules, since tutti's export names them.
  foreach(tutti_off BUILD_TESTING BENCHMARK_ENABLE_TESTING BENCHMARK_ENABLE_INSTALL)
    set(${tutti_off} OFF)
  endforeach()
  set(JSON_Install ${TUTTI_INSTALL})
  set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # lets the plain variables above override those projects' option()
  set(CMAKE_POLICY_DEFAULT_CMP0135 NEW)  # extracted files get the time of extraction
  FetchContent_MakeAvailable(${name})
endmacro()
