//===- Gradients.cpp - the model level, backwards -------------------------===//

#include "picollm/Reference/Gradients.h"
#include "OpAttributes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace picollm;
using llvm::Error;

GradientVisitor::~GradientVisitor() = default;

void Gradients::add(mlir::Value value, Matrix d) {
  auto [entry, isNew] = ofValue.try_emplace(value);
  entry->second = isNew ? std::move(d) : picollm::add(entry->second, d);
}

Matrix Gradients::take(mlir::Value value) {
  auto entry = ofValue.find(value);
  if (entry == ofValue.end())
    return {};
  Matrix d = std::move(entry->second);
  ofValue.erase(entry);
  return d;
}

static Error differentiate(model::RMSNormOp op, const Matrix &d, Evaluation &e,
                           Gradients &gradients, GradientVisitor &visitor) {
  auto weight = e.weights.get(op.getWeight());
  if (!weight)
    return weight.takeError();
  RMSNormGradient gradient =
      rmsNormVjp(e.matrix(op.getInput()), (*weight)->data,
                 op.getEpsilon().convertToDouble(), d);
  visitor.visitNorm(op, gradient.weight);
  gradients.add(op.getInput(), std::move(gradient.input));
  return Error::success();
}

/// Linear and logits.
template <typename Op>
static Error differentiateProduct(Op op, const Matrix &d, Evaluation &e,
                                  Gradients &gradients,
                                  GradientVisitor &visitor) {
  auto weight = e.weights.get(op.getWeight());
  if (!weight)
    return weight.takeError();
  Matrix input = linearInputVjp(**weight, d);
  visitor.visitProduct(op, e, d, input);
  gradients.add(op.getInput(), std::move(input));
  return Error::success();
}

static void differentiate(model::RotaryOp op, const Matrix &d, Evaluation &e,
                          Gradients &gradients) {
  model::RotationAttr rotation = op.getRotation();
  gradients.add(op.getInput(),
                rotaryVjp(e.get<std::vector<int32_t>>(op.getPositions()),
                          rotation.getFrequencies().asArrayRef(),
                          rotation.getScale().getValueAsDouble(), op.getHeads(),
                          d));
}

static void differentiate(model::AttentionOp op, const Matrix &d, Evaluation &e,
                          Gradients &gradients) {
  const Matrix &query = e.matrix(op.getQuery());
  AttentionGradient gradient = attentionVjp(
      query, e.matrix(op.getKey()), e.matrix(op.getValue()), headsOf(op), d);
  gradients.add(op.getQuery(), std::move(gradient.query));
  gradients.add(op.getKey(), std::move(gradient.key));
  gradients.add(op.getValue(), std::move(gradient.value));
}

static void differentiate(model::GatedOp op, const Matrix &d, Evaluation &e,
                          Gradients &gradients) {
  GatedGradient gradient =
      gatedVjp(gateOf(op), e.matrix(op.getGate()), e.matrix(op.getUp()), d);
  gradients.add(op.getGate(), std::move(gradient.gate));
  gradients.add(op.getUp(), std::move(gradient.up));
}

/// Rows that are not wanted have no gradient.
static void differentiate(model::WantedOp op, const Matrix &d, Evaluation &e,
                          Gradients &gradients) {
  const Matrix &x = e.matrix(op.getInput());
  Matrix all(x.rows, x.columns);
  int64_t row = 0, from = 0;
  for (const Span &span : e.spans) {
    int64_t count = span.rows - span.firstWanted;
    std::copy_n(d.row(from), count * d.columns,
                all.row(row + span.firstWanted));
    row += span.rows;
    from += count;
  }
  gradients.add(op.getInput(), std::move(all));
}

Error picollm::differentiate(mlir::Operation *op, Evaluation &e,
                             Gradients &gradients, GradientVisitor &visitor) {
  Matrix d = gradients.take(op->getResult(0));
  if (d.rows == 0)
    return Error::success();
  auto done = [](auto) { return Error::success(); };
  return llvm::TypeSwitch<mlir::Operation *, Error>(op)
      .Case<model::EmbeddingOp>(done) // tokens have no gradient
      .Case<model::AddOp>([&](auto add) {
        gradients.add(add.getLhs(), d);
        gradients.add(add.getRhs(), std::move(d));
        return Error::success();
      })
      .Case<model::RMSNormOp>([&](auto norm) {
        return ::differentiate(norm, d, e, gradients, visitor);
      })
      .Case<model::LinearOp, model::LogitsOp>([&](auto product) {
        return differentiateProduct(product, d, e, gradients, visitor);
      })
      .Case<model::RotaryOp, model::AttentionOp, model::GatedOp,
            model::WantedOp>([&](auto other) {
        ::differentiate(other, d, e, gradients);
        return Error::success();
      })
      .Default([](mlir::Operation *other) {
        return llvm::createStringError(
            "the interpreter does not differentiate the op '" +
            other->getName().getStringRef() + "'");
      });
}
