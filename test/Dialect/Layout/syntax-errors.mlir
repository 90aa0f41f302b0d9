// RUN: picollm-opt %s --verify-diagnostics --split-input-file

// expected-error @below {{expected none, table4_i8, codes_i8 or f32}}
module attributes {test.value = #picollm_layout.encoded_panel<codes_i4 x 8>} {}

// -----

// expected-error @below {{expected bits x columns}}
module attributes {test.value = #picollm_layout.panel<8: 4x8x8>} {}
