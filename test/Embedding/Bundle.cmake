# Bundles: what is in their folders and libraries, and that they run: linked, by
# picollm-run, and two in one process.
include(${CMAKE_CURRENT_LIST_DIR}/Steps.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/Exports.cmake)
set(bundles ${WORK}/bundles)
file(REMOVE_RECURSE ${bundles})
set(compile ${prefix}/bin/picollm-compile --scheme=none --quiet --bundle)
set(fixtures ${SOURCE}/test/Fixtures/Llama)
run(${compile} ${fixtures}/gqa-tied-f32.gguf --name=smol -o ${bundles}/one)
run(${compile} ${fixtures}/mha-untied-f16.gguf --name=other -o ${bundles}/two)
# Over an earlier bundle.
run(${compile} ${fixtures}/gqa-tied-f32.gguf --name=smol -o ${bundles}/one)

file(GLOB files RELATIVE ${bundles}/one ${bundles}/one/*)
set(expected allocation.json libsmol.so manifest.json picollm.h smol.h)
if(NOT files STREQUAL expected)
  message(FATAL_ERROR "a bundle's folder holds ${files}, not ${expected}")
endif()
set(library ${bundles}/one/libsmol.so)
expect_exports(${library} picollm_smol_model picollm_smol_bundle
               picollm_smol_open)

# Nothing but the C library.
run(readelf -d ${library})
string(REGEX MATCHALL "\\(NEEDED\\)[^\n]*" needed "${output}")
foreach(line IN LISTS needed)
  if(NOT line MATCHES "\\[(libc|libm|libdl|libpthread|ld-linux-[a-z0-9-]+)\\.so\\.[0-9]\\]")
    message(FATAL_ERROR "${library} needs ${line}")
  endif()
endforeach()
if(NOT output MATCHES "SONAME[^\n]*\\[libsmol\\.so\\]" OR output MATCHES "TEXTREL")
  message(FATAL_ERROR "${output}")
endif()
# The weights: page-aligned in a segment that is only read, so that they are
# mapped and shared; byte by byte those of the folder that is no bundle.
run(nm --format=posix ${library})
if(NOT output MATCHES "picollm_smol_weights [rR] [0-9a-f]*000 ")
  message(FATAL_ERROR "the weights of ${library} are not aligned: ${output}")
endif()
run(llvm-objcopy-22 --dump-section .lrodata=${bundles}/inside ${library}
    ${bundles}/copy.so)
file(SIZE ${WORK}/model/smol.weights size)
file(READ ${WORK}/model/smol.weights weights HEX)
file(READ ${bundles}/inside inside LIMIT ${size} HEX)
if(NOT weights STREQUAL inside)
  message(FATAL_ERROR "the weights inside ${library} differ from smol.weights")
endif()

# From a compressed model the same bundle.
run(${prefix}/bin/picollm-compile --scheme=none --quiet
    ${fixtures}/gqa-tied-f32.gguf -o ${bundles}/kept.picollm)
run(${prefix}/bin/picollm-compile --quiet --bundle ${bundles}/kept.picollm
    --name=smol -o ${bundles}/kept)
file(READ ${bundles}/kept/libsmol.so kept HEX)
file(READ ${library} direct HEX)
if(NOT kept STREQUAL direct)
  message(FATAL_ERROR "the bundle of a .picollm file differs")
endif()

# In a program, which needs two files to be built and one to run.
run(cc ${prefix}/share/picollm/examples/embed/bundled.c -I${bundles}/one
    ${library} -Wl,-rpath,${bundles}/one -o ${bundles}/bundled)
expect_text_of_model(${bundles}/bundled ${prompt})
# By the tools, as any compiled model.
expect_text_of_model(${prefix}/bin/picollm-run ${bundles}/one ${prompt}
                     --max-tokens=32 --verify)
run(${prefix}/bin/picollm-bench ${bundles}/two --prompt=4 --generate=4 --json)

# Two of them, beside a third runtime.
run(cc ${CMAKE_CURRENT_LIST_DIR}/TwoBundles.c -I${prefix}/include
    ${prefix}/lib/libpicollm-runtime.so -Wl,-rpath,${prefix}/lib -ldl
    -o ${bundles}/two-bundles)
run(${prefix}/bin/picollm-run ${bundles}/one ${prompt} --max-tokens=32)
set(both "${output}")
run(${prefix}/bin/picollm-run ${bundles}/two ${prompt} --max-tokens=32)
string(APPEND both "${output}")
run(${bundles}/two-bundles ${library} smol ${bundles}/two/libother.so other
    ${prompt})
if(NOT output STREQUAL both)
  message(FATAL_ERROR "two bundles wrote ${output}, alone ${both}")
endif()

# What cannot be bundled is said before anything is compressed or written.
function(expect_refusal expected)
  run_failing("${expected}" ${compile} ${fixtures}/gqa-tied-f32.gguf
              -o ${bundles}/none ${ARGN})
  if(EXISTS ${bundles}/none)
    message(FATAL_ERROR "${ARGN}: left an output")
  endif()
endfunction()
expect_refusal("/none.a: does not exist" --runtime=/none.a)
expect_refusal("gqa-tied-f32.gguf: is no archive of the runtime"
               --runtime=${fixtures}/gqa-tied-f32.gguf)
expect_refusal("was built for x86_64, the model is compiled for aarch64"
               -target=aarch64 --runtime=${prefix}/lib/libpicollm-runtime.a)
expect_refusal("a bundle cannot be made for" -target=riscv64-unknown-linux-gnu)
expect_refusal("--bundle makes a library" --compile-to=pack)
run_failing("--runtime is for --bundle" ${prefix}/bin/picollm-compile
            ${fixtures}/gqa-tied-f32.gguf -o ${bundles}/none --runtime=x.a)
