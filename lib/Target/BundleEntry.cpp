//===- BundleEntry.cpp - the functions that a bundle adds -----------------===//

#include "picollm/Target/Bundle.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

using namespace picollm;

/// $name, $weights, $tokenizer are replaced. The struct is picollm_bundle
/// (abi.h). Its pointers are 64 bits wide wherever the data lie; reading them
/// as volatile keeps the code from naming the data itself, by offsets of 32
/// bits.
static constexpr const char entry[] = R"(
module {
  llvm.mlir.global external hidden constant @picollm_$name_weights() : !llvm.array<0 x i8>
  llvm.mlir.global external hidden constant @picollm_$name_tokenizer() : !llvm.array<0 x i8>
  llvm.mlir.global internal constant @bundle() : !llvm.struct<(ptr, i64, ptr, i64)> {
    %0 = llvm.mlir.undef : !llvm.struct<(ptr, i64, ptr, i64)>
    %1 = llvm.mlir.addressof @picollm_$name_weights : !llvm.ptr
    %2 = llvm.insertvalue %1, %0[0] : !llvm.struct<(ptr, i64, ptr, i64)>
    %3 = llvm.mlir.constant($weights : i64) : i64
    %4 = llvm.insertvalue %3, %2[1] : !llvm.struct<(ptr, i64, ptr, i64)>
    %5 = llvm.mlir.addressof @picollm_$name_tokenizer : !llvm.ptr
    %6 = llvm.insertvalue %5, %4[2] : !llvm.struct<(ptr, i64, ptr, i64)>
    %7 = llvm.mlir.constant($tokenizer : i64) : i64
    %8 = llvm.insertvalue %7, %6[3] : !llvm.struct<(ptr, i64, ptr, i64)>
    llvm.return %8 : !llvm.struct<(ptr, i64, ptr, i64)>
  }
  llvm.func @picollm_$name_model() -> !llvm.ptr
  llvm.func @picollm_model_from_compiled(!llvm.ptr, !llvm.ptr, i64, !llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
  llvm.func @picollm_$name_bundle() -> !llvm.ptr {
    %0 = llvm.mlir.addressof @bundle : !llvm.ptr
    llvm.return %0 : !llvm.ptr
  }
  llvm.func @picollm_$name_open(%options: !llvm.ptr, %model: !llvm.ptr, %error: !llvm.ptr) -> i32 {
    %0 = llvm.mlir.addressof @bundle : !llvm.ptr
    %1 = llvm.getelementptr %0[0, 0] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, i64, ptr, i64)>
    %weights = llvm.load volatile %1 : !llvm.ptr -> !llvm.ptr
    %2 = llvm.getelementptr %0[0, 1] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, i64, ptr, i64)>
    %weightsBytes = llvm.load %2 : !llvm.ptr -> i64
    %3 = llvm.getelementptr %0[0, 2] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, i64, ptr, i64)>
    %tokenizer = llvm.load volatile %3 : !llvm.ptr -> !llvm.ptr
    %4 = llvm.getelementptr %0[0, 3] : (!llvm.ptr) -> !llvm.ptr, !llvm.struct<(ptr, i64, ptr, i64)>
    %tokenizerBytes = llvm.load %4 : !llvm.ptr -> i64
    %compiled = llvm.call @picollm_$name_model() : () -> !llvm.ptr
    %status = llvm.call @picollm_model_from_compiled(%compiled, %weights, %weightsBytes, %tokenizer, %tokenizerBytes, %options, %model, %error) : (!llvm.ptr, !llvm.ptr, i64, !llvm.ptr, i64, !llvm.ptr, !llvm.ptr, !llvm.ptr) -> i32
    llvm.return %status : i32
  }
}
)";

static void replaceAll(std::string &text, llvm::StringRef what,
                       llvm::StringRef by) {
  for (size_t at = 0; (at = text.find(what.str(), at)) != std::string::npos;
       at += by.size())
    text.replace(at, what.size(), by.str());
}

llvm::Error picollm::emitBundleEntry(mlir::MLIRContext &context,
                                     llvm::StringRef name,
                                     uint64_t weightsBytes,
                                     uint64_t tokenizerBytes,
                                     const TargetDescription &target,
                                     llvm::StringRef path) {
  std::string text = entry;
  replaceAll(text, "$weights", std::to_string(weightsBytes));
  replaceAll(text, "$tokenizer", std::to_string(tokenizerBytes));
  replaceAll(text, "$name", name);
  context.loadDialect<mlir::LLVM::LLVMDialect>();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  if (!module)
    return llvm::createStringError("the functions of bundle '" + name +
                                   "' are not valid");
  return emitObject(*module, target, path);
}
