//===- Builders.h - one builder per model family ----------------*- C++ -*-===//
//
// A builder writes the forward function of its family and returns the logits;
// see the table in Importer.cpp.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_LIB_IMPORT_BUILDERS_H
#define PICOLLM_LIB_IMPORT_BUILDERS_H

#include "ModelAssembler.h"

namespace picollm {

/// Llama 2, 3 and their like: SmolLM2, TinyLlama, Mistral 7B.
mlir::Value buildLlama(ModelAssembler &assembler);

/// The text models of Gemma 3.
mlir::Value buildGemma3(ModelAssembler &assembler);

} // namespace picollm

#endif // PICOLLM_LIB_IMPORT_BUILDERS_H
