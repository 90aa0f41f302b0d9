# A bundle for another system: AARCH64 is the runtime's build folder for it,
# QEMU runs its programs with the libraries in SYSROOT.
include(${CMAKE_CURRENT_LIST_DIR}/Steps.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/Exports.cmake)
set(folder ${WORK}/aarch64)
file(REMOVE_RECURSE ${folder})
set(emulated ${QEMU} -L ${SYSROOT})
set(compile ${prefix}/bin/picollm-compile --scheme=none --quiet --name=smol
            -target=aarch64 ${SOURCE}/test/Fixtures/Llama/gqa-tied-f32.gguf)
run(${compile} -o ${folder}/model)
run_failing("the runtime for aarch64-linux-gnu was not found at "
            ${compile} --bundle -o ${folder}/bundle)
# Installed, it is found.
run(${CMAKE_COMMAND} --install ${AARCH64} --prefix ${prefix})
run(${compile} --bundle -o ${folder}/bundle)
file(REMOVE_RECURSE ${prefix}/lib/picollm)
run(${compile} --bundle --runtime=${AARCH64}/libpicollm-runtime.a
    -o ${folder}/bundle-by-name)
set(library ${folder}/bundle/libsmol.so)
file(READ ${library} found HEX)
file(READ ${folder}/bundle-by-name/libsmol.so named HEX)
if(NOT found STREQUAL named)
  message(FATAL_ERROR "the installed runtime gave another bundle")
endif()
expect_exports(${library} picollm_smol_model picollm_smol_bundle
               picollm_smol_open)
run(clang-22 --target=aarch64-linux-gnu -fuse-ld=lld-22 -I${folder}/bundle
    ${prefix}/share/picollm/examples/embed/bundled.c ${library}
    -Wl,-rpath,${folder}/bundle -o ${folder}/bundled)
run(${emulated} ${folder}/bundled ${prompt})
set(bundled "${output}")
run(${emulated} ${AARCH64}/bin/picollm-run ${folder}/model ${prompt}
    --max-tokens=32)
if(NOT bundled STREQUAL output OR output MATCHES "^\n*$")
  message(FATAL_ERROR "the bundle wrote ${bundled}, the model ${output}")
endif()
# The tools of this system are still in the prefix.
expect_text_of_model(${prefix}/bin/picollm-run ${WORK}/model ${prompt}
                     --max-tokens=32)
