# PCRE2 (with 8 bits) and utf8proc as the imported targets tutti::pcre2 and tutti::utf8proc. Neither brings a CMake package everywhere,
# so they are looked for by header and library. Installed beside tutti-config.cmake, which includes it as well.
# Sets tutti_missing_text_library to a message if one is not there.
set(tutti_missing_text_library)

macro(tutti_find_text_library name header library debian_package)
  find_path(TUTTI_${name}_INCLUDE_DIR ${header})
  find_library(TUTTI_${name}_LIBRARY NAMES ${library})
  mark_as_advanced(TUTTI_${name}_INCLUDE_DIR TUTTI_${name}_LIBRARY)
  if(NOT TUTTI_${name}_INCLUDE_DIR OR NOT TUTTI_${name}_LIBRARY)
    set(tutti_missing_text_library
        "tutti needs ${header} and the library ${library}; on Debian: apt-get install ${debian_package}; elsewhere set TUTTI_${name}_INCLUDE_DIR and TUTTI_${name}_LIBRARY"
    )
  elseif(NOT TARGET tutti::${name})
    add_library(tutti::${name} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(tutti::${name} PROPERTIES IMPORTED_LOCATION "${TUTTI_${name}_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES
                                                                                                 "${TUTTI_${name}_INCLUDE_DIR}")
  endif()
endmacro()

tutti_find_text_library(pcre2 pcre2.h pcre2-8 libpcre2-dev)
tutti_find_text_library(utf8proc utf8proc.h utf8proc libutf8proc-dev)
