# Runs an example as a test:
#   cmake -D EXPECT=<regular expression> -D EXIT_CODE=<number> -D NEEDS_MODEL=<bool> -D INPUT=<file> -P run_example.cmake -- PROGRAM [ARGUMENTS...]
cmake_minimum_required(VERSION 3.25)

if(NEEDS_MODEL AND NOT EXISTS "${CMAKE_CURRENT_LIST_DIR}/../models/SmolLM2-135M-Instruct.Q4_1.gguf")
  message("SKIPPED: the model is not downloaded; run cmake -P cmake/fetch_model.cmake")
  return()
endif()

include("${CMAKE_CURRENT_LIST_DIR}/command_line.cmake")

set(input "")
if(INPUT)
  set(input INPUT_FILE "${INPUT}")
endif()
execute_process(COMMAND ${command} ${input} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
message("${output}")
if(NOT EXIT_CODE)
  set(EXIT_CODE 0)
endif()
if(NOT result STREQUAL EXIT_CODE)
  message(FATAL_ERROR "exit code ${result} instead of ${EXIT_CODE}")
endif()
if(NOT output MATCHES "${EXPECT}")
  message(FATAL_ERROR "the output does not match: ${EXPECT}")
endif()
