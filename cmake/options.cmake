# SPDX-License-Identifier: MIT
# bb_options: warnings, arithmetic and sanitizers of our own files (not of generated ones).
add_library(bb_options INTERFACE)
target_compile_options(bb_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes> $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>)
if(DEFINED ENV{CI} AND NOT "$ENV{CI}" STREQUAL "")
  target_compile_options(bb_options INTERFACE -Werror)
endif()

# One documented order of roundings: no contraction, on any path (design 3).
add_compile_options(-ffp-contract=off)
if(BB_SANITIZE)
  add_compile_options(-fsanitize=${BB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g)
  add_link_options(-fsanitize=${BB_SANITIZE})
endif()

# The pkg-config file. Beside a static library alone, everything that it needs is a public need.
function(bb_write_pkgconfig path)
  set(requires "libprotobuf-c, libxxhash, zlib")
  set(libs "-pthread -lm")
  if(OpenCL_FOUND)
    string(APPEND libs " -lOpenCL")
  endif()
  if(BB_SHARED)
    set(BB_PC_NEEDS "Requires.private: ${requires}\nLibs.private: ${libs}\nLibs: -L\${libdir} -lbitbayes")
  else()
    set(BB_PC_NEEDS "Requires: ${requires}\nLibs: -L\${libdir} -lbitbayes ${libs}")
  endif()
  # Relative to the file itself, so that the whole may be moved.
  set(BB_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    file(RELATIVE_PATH up /x/${CMAKE_INSTALL_LIBDIR}/pkgconfig /x)
    string(REGEX REPLACE "/$" "" up ${up})
    set(BB_PC_PREFIX "\${pcfiledir}/${up}")
  endif()
  configure_file(${CMAKE_SOURCE_DIR}/cmake/bitbayes.pc.in ${path} @ONLY)
endfunction()
