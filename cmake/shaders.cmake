# Compiles every shaders/<group>/<name>.comp, and its variants, to SPIR-V and lists them in a C file.
#
# A shader's own comment names its variants, so that adding one edits no other file:
#   //! variant texel: -DTEXEL            makes the kernel "<name>.texel" beside the plain "<name>"
# Shaders whose feature the installed glslang does not know are left out:
#   //! needs GL_KHR_cooperative_matrix
find_program(GLSLANG glslangValidator REQUIRED)

set(SHADER_INCLUDE ${CMAKE_SOURCE_DIR}/shaders/include)
set(SHADER_OUT ${CMAKE_BINARY_DIR}/shaders)
file(MAKE_DIRECTORY ${SHADER_OUT})
file(GLOB SHADER_SOURCES CONFIGURE_DEPENDS shaders/*/*.comp)

function(glslang_knows extension result)
    set(probe ${CMAKE_BINARY_DIR}/probe.comp)
    file(WRITE ${probe} "#version 450\n#extension ${extension} : require\nvoid main() {}\n")
    execute_process(COMMAND ${GLSLANG} -V --target-env vulkan1.2 -o ${probe}.spv ${probe} RESULT_VARIABLE failed OUTPUT_QUIET)
    if(failed)
        set(${result} FALSE PARENT_SCOPE)
    else()
        set(${result} TRUE PARENT_SCOPE)
    endif()
endfunction()

set(SHADER_NAMES "")
set(SHADER_BINARIES "")
foreach(source ${SHADER_SOURCES})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source}) # its variants may change
    get_filename_component(name ${source} NAME_WE)
    file(STRINGS ${source} marks REGEX "^//! ")
    set(variants "${name}|")
    set(known TRUE)
    foreach(mark ${marks})
        if(mark MATCHES "^//! variant ([a-z0-9_]+): (.*)$")
            list(APPEND variants "${name}.${CMAKE_MATCH_1}|${CMAKE_MATCH_2}")
        elseif(mark MATCHES "^//! needs ([A-Za-z0-9_]+)$")
            glslang_knows(${CMAKE_MATCH_1} known)
        else()
            message(FATAL_ERROR "${source}: not understood: ${mark}")
        endif()
    endforeach()
    if(NOT known)
        message(STATUS "left out (the installed glslang is too old): ${name}")
        continue()
    endif()
    foreach(variant ${variants})
        string(REGEX MATCH "^([^|]*)[|](.*)$" matched ${variant})
        set(kernel ${CMAKE_MATCH_1})
        separate_arguments(defines UNIX_COMMAND "${CMAKE_MATCH_2}")
        set(binary ${SHADER_OUT}/${kernel}.spv)
        add_custom_command(OUTPUT ${binary} DEPFILE ${binary}.d DEPENDS ${source} VERBATIM
            COMMAND ${GLSLANG} -V --quiet --target-env vulkan1.2 -I${SHADER_INCLUDE} ${defines} --depfile ${binary}.d
                    -o ${binary} ${source}
            COMMENT "Compiling shader ${kernel}")
        list(APPEND SHADER_NAMES "${kernel}!${source}") # "!" sorts before all that a name has
        list(APPEND SHADER_BINARIES ${binary})
    endforeach()
endforeach()

list(SORT SHADER_NAMES) # shader_find searches by halves
set(blobs "")
set(structs "")
set(count 0)
foreach(entry ${SHADER_NAMES})
    string(REGEX MATCH "^([^!]*)!(.*)$" matched ${entry})
    set(kernel ${CMAKE_MATCH_1})
    set(source ${CMAKE_MATCH_2})
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${source})
    string(APPEND blobs "BLOB(code_${count}, \"${SHADER_OUT}/${kernel}.spv\")\nBLOB(source_${count}, \"${source}\")\n")
    string(APPEND structs "    { \"${kernel}\", \"${path}\", source_${count}, (const uint32_t *)code_${count}, (const uint32_t *)code_${count}_end },\n")
    math(EXPR count "${count} + 1")
endforeach()
set(SHADER_COUNT ${count})
set(SHADER_BLOBS ${blobs})
set(SHADER_STRUCTS ${structs})
configure_file(cmake/shader_table.c.in ${CMAKE_BINARY_DIR}/shader_table.c @ONLY)
set_source_files_properties(${CMAKE_BINARY_DIR}/shader_table.c PROPERTIES OBJECT_DEPENDS
    "${SHADER_BINARIES};${SHADER_SOURCES}")
