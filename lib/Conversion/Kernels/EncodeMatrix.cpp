//===- EncodeMatrix.cpp - encoders of one layout --------------------------===//
//
// Threads divide the tokens, or, where there are fewer tokens than threads, the
// blocks of all panels. Each normalises a row that it needs itself, as a whole:
// panels have their columns in orders of their own.
//
//===----------------------------------------------------------------------===//

#include "../StepFunctions.h"
#include "Encode.h"
#include "picollm/Layout/EncodedActivation.h"

using namespace picollm;
using mlir::arith::CmpIPredicate;

namespace {

class EncodeEmitter {
public:
  EncodeEmitter(KernelBuilder &k, const MatrixLayout &layout,
                std::optional<double> epsilon)
      : k(k), layout(layout), epsilon(epsilon) {}
  void emit();

private:
  void emitToken(Value token, Value firstBlock, Value lastBlock);
  void emitSegment(size_t panel, size_t segment, int64_t column,
                   int64_t firstNumber, Value firstBlock, Value lastBlock);
  void emitBlocks(size_t panel, size_t segment, int64_t column, Rows rows,
                  Value firstBlock, Value lastBlock);

  KernelBuilder &k;
  const MatrixLayout &layout;
  std::optional<double> epsilon;
  Value matrix, input, norm, output; // arguments
  Value isMany;                      // rows of the call
  Value normalised;                  // memory for a row
  Value row, encoded;                // of the token
};

} // namespace

/// Of the blocks [firstBlock, lastBlock) of all panels those of one segment,
/// whose first one is number `firstNumber`.
void EncodeEmitter::emitSegment(size_t panel, size_t segment, int64_t column,
                                int64_t firstNumber, Value firstBlock,
                                Value lastBlock) {
  const Segment &s = layout.panels[panel].segments[segment];
  auto local = [&](Value block) {
    Value number = k.maximum(k.sub(block, k.index(firstNumber)), k.index(0));
    return k.minimum(number, k.index(segmentBlocks(s)));
  };
  Value first = local(firstBlock), last = local(lastBlock);
  auto emitAs = [&](Rows rows) {
    emitBlocks(panel, segment, column, rows, first, last);
  };
  if (encodingOfWidth(s.bits, Rows::Few) == encodingOfWidth(s.bits, Rows::Many))
    emitAs(Rows::Few);
  else
    k.ifElse(isMany, [&] { emitAs(Rows::Many); }, [&] { emitAs(Rows::Few); });
}

void EncodeEmitter::emitBlocks(size_t panel, size_t segment, int64_t column,
                               Rows rows, Value firstBlock, Value lastBlock) {
  const Segment &s = layout.panels[panel].segments[segment];
  const ActivationEncoding encoding = encodingOfWidth(s.bits, rows);
  int64_t orderBytes = orderEntryBytes(layout.columns);
  mlir::func::FuncOp function =
      getEncodeBlock(k.module, k.isa, {encoding, orderBytes, s.group != 0});
  EncodedSegmentOffsets at = encodedSegmentOffsets(layout, panel, segment);
  int64_t valueBytes =
      encoding == ActivationEncoding::CodesI8 ? blockColumns : 4 * blockColumns;
  Value scale = k.load(
      k.f32,
      k.at(matrix, panelOffsets(layout, panel).segmentScales + 4 * segment), 4);
  k.loop(firstBlock, lastBlock, 1, [&](Value block) {
    Value begin = k.mul(block, k.index(blockColumns));
    Value columns =
        k.minimum(k.sub(k.index(s.columns), begin), k.index(blockColumns));
    Value stored = k.add(begin, k.index(column));
    Value four = k.mul(block, k.index(4));
    k.call(function,
           {row, k.at(matrix, k.mul(stored, k.index(orderBytes))),
            k.at(k.at(matrix, columnScalesOffset(layout)),
                 k.mul(stored, k.index(2))),
            columns, scale,
            k.at(k.at(encoded, at.values), k.mul(block, k.index(valueBytes))),
            k.at(k.at(encoded, at.scales), four),
            k.at(k.at(encoded, at.sums), four)});
  });
}

void EncodeEmitter::emitToken(Value token, Value firstBlock, Value lastBlock) {
  Value given = k.at(input, k.mul(token, k.index(4 * layout.columns)));
  row = epsilon ? normalised : given;
  if (epsilon)
    emitNorm(k, given, norm, layout.columns, *epsilon,
             [&](Value x, Value offset) {
               k.store(x, k.at(normalised, offset), 4);
             });
  encoded = k.at(output, k.mul(token, k.index(encodedActivationBytes(layout))));
  int64_t number = 0;
  for (size_t p = 0; p < layout.panels.size(); ++p) {
    int64_t column = 0;
    for (size_t s = 0; s < layout.panels[p].segments.size(); ++s) {
      const Segment &segment = layout.panels[p].segments[s];
      if (segment.bits != 0) {
        emitSegment(p, s, column, number, firstBlock, lastBlock);
        number += segmentBlocks(segment);
      }
      column += segment.columns;
    }
  }
}

void EncodeEmitter::emit() {
  unsigned argument = 0;
  matrix = k.argument(argument++);
  input = k.argument(argument++);
  if (epsilon)
    norm = k.argument(argument++);
  output = k.argument(argument++);
  Value tokens = k.argument(argument++), callRows = k.argument(argument++),
        thread = k.argument(argument++), threads = k.argument(argument++);
  isMany = emitIsMany(k, callRows);
  if (epsilon)
    normalised = k.stack(4 * layout.columns);
  int64_t blocks = 0;
  for (const Panel &panel : layout.panels)
    for (const Segment &segment : panel.segments)
      blocks += segment.bits ? segmentBlocks(segment) : 0;
  // Of the two numbers of units one is divided, the other taken whole.
  Value divideTokens = k.compare(CmpIPredicate::sge, tokens, threads);
  Value next = k.add(thread, k.index(1)), zero = k.index(0);
  auto share = [&](bool divided, Value total) -> std::pair<Value, Value> {
    Value begin = shareBegin(k, total, thread, threads);
    Value end = shareBegin(k, total, next, threads);
    return divided ? std::pair(k.select(divideTokens, begin, zero),
                               k.select(divideTokens, end, total))
                   : std::pair(k.select(divideTokens, zero, begin),
                               k.select(divideTokens, total, end));
  };
  auto [firstToken, lastToken] = share(true, tokens);
  auto [firstBlock, lastBlock] = share(false, k.index(blocks));
  k.loop(firstToken, lastToken, 1,
         [&, first = firstBlock, last = lastBlock](Value token) {
           emitToken(token, first, last);
         });
}

mlir::func::FuncOp StepParts::encode(const MatrixLayout &layout,
                                     std::optional<double> epsilon) {
  std::string stem = epsilon ? "encode_norm_" : "encode_";
  stem += std::to_string(layout.columns);
  std::string key = stem + " " + layoutKey(layout);
  if (epsilon)
    key += " " + std::to_string(llvm::bit_cast<uint64_t>(*epsilon));
  if (mlir::func::FuncOp function = table->find(key))
    return function;
  KernelBuilder &k = *builder;
  mlir::OpBuilder::InsertionGuard guard(k.b);
  llvm::SmallVector<Type> types(epsilon ? 4 : 3, k.ptr);
  types.append(4, k.i64);
  mlir::func::FuncOp existing;
  mlir::func::FuncOp function =
      k.beginFunction(table->number(stem), types, existing);
  EncodeEmitter(k, layout, epsilon).emit();
  k.endFunction();
  table->insert(key, function);
  return function;
}
