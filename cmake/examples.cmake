# Functions that build examples and studies and run them as tests.

# Builds NAME.cpp; LIBRARIES are linked besides tutti.
function(tutti_add_example name)
  cmake_parse_arguments(PARSE_ARGV 1 example "" "" "LIBRARIES")
  add_executable(${name} ${name}.cpp)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE tutti_program ${example_LIBRARIES})
  set_property(DIRECTORY APPEND PROPERTY TUTTI_EXAMPLES ${name}.cpp)
endfunction()

# Runs PROGRAM with ARGS in the top folder as the test example/NAME. Its output must match the regular
# expression EXPECT, and its exit code must be EXIT_CODE (default 0). INPUT is what it reads from standard
# input. NEEDS_MODEL marks the test as skipped while SmolLM2 is not downloaded.
function(tutti_run_example name program)
  cmake_parse_arguments(PARSE_ARGV 2 run "NEEDS_MODEL" "EXPECT;EXIT_CODE;INPUT" "ARGS")
  set(test example/${name})
  set(input "")
  if(run_INPUT)
    set(input ${CMAKE_CURRENT_BINARY_DIR}/${name}.input)
    file(WRITE ${input} "${run_INPUT}")
  endif()
  add_test(
    NAME ${test}
    COMMAND ${CMAKE_COMMAND} -D "EXPECT=${run_EXPECT}" -D "EXIT_CODE=${run_EXIT_CODE}" -D "NEEDS_MODEL=${run_NEEDS_MODEL}" -D "INPUT=${input}" -P
            ${PROJECT_SOURCE_DIR}/cmake/run_example.cmake -- $<TARGET_FILE:${program}> ${run_ARGS}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${test} PROPERTIES LABELS examples TIMEOUT 600 SKIP_REGULAR_EXPRESSION "SKIPPED: ")
endfunction()

# Stops the configuration if a *.cpp of the current folder was not added with tutti_add_example().
function(tutti_check_all_examples_are_built)
  file(GLOB sources RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS *.cpp)
  get_property(examples DIRECTORY PROPERTY TUTTI_EXAMPLES)
  list(REMOVE_ITEM sources ${examples})
  if(sources)
    message(SEND_ERROR "add tutti_add_example(...) to ${CMAKE_CURRENT_SOURCE_DIR}/CMakeLists.txt for: ${sources}")
  endif()
endfunction()
