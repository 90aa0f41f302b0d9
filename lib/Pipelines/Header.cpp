//===- Header.cpp - the C header of a compiled model ----------------------===//

#include "Header.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace picollm;

static constexpr const char linkedText[] = R"(
/* The model of lib$name.so, constant data of the library. For
 *     picollm_model_load_compiled(picollm_$name_model(), DIRECTORY, ...)
 * in picollm.h; DIRECTORY holds $name.weights and $name.tokenizer. */
const struct picollm_compiled_model *picollm_$name_model(void);
)";

static constexpr const char bundledText[] = R"(
/* Opens the model, whose weights, tokenizer and runtime are in lib$name.so:
 * nothing is read from a file. As picollm_model_load otherwise. */
picollm_status picollm_$name_open(
    const picollm_model_options *options, picollm_model **model,
    picollm_error *error);

/* By these the runtime of another program, such as picollm-run, loads the model
 * (picollm/abi.h has the types). */
const struct picollm_compiled_model *picollm_$name_model(void);
const struct picollm_bundle *picollm_$name_bundle(void);
)";

static void printWithName(llvm::raw_ostream &os, llvm::StringRef text,
                          llvm::StringRef name) {
  for (size_t at; (at = text.find("$name")) != text.npos;) {
    os << text.take_front(at) << name;
    text = text.drop_front(at + 5);
  }
  os << text;
}

llvm::Error picollm::writeHeader(const HeaderFacts &facts,
                                 llvm::StringRef path) {
  return writeFile(path, [&](llvm::raw_ostream &os) {
    std::string name = facts.name, upper = llvm::StringRef(name).upper();
    std::string guard = "PICOLLM_MODEL_" + upper + "_H";
    os << "/* The compiled model " << name << ": " << facts.architecture << ", "
       << facts.weights << " weights of "
       << llvm::format("%.2f", facts.bitsPerWeight) << " bits,\n * for "
       << facts.triple << ". */\n"
       << "#ifndef " << guard << "\n#define " << guard << "\n\n"
       << (facts.bundle ? "#include \"picollm.h\"\n\n" : "")
       << "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
       << "#define PICOLLM_" << upper << "_VOCABULARY " << facts.vocabulary
       << " /* logits per token */\n"
       << "#define PICOLLM_" << upper << "_CONTEXT " << facts.context
       << " /* positions it was trained for */\n"
       << (facts.bundle ? "" : "\nstruct picollm_compiled_model;\n");
    printWithName(os, facts.bundle ? bundledText : linkedText, name);
    os << "\n#ifdef __cplusplus\n} /* extern \"C\" */\n#endif\n\n"
       << "#endif /* " << guard << " */\n";
    return llvm::Error::success();
  });
}
