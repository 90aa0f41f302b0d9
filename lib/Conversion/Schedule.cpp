//===- Schedule.cpp - defaults, and what a file says instead --------------===//

#include "picollm/Conversion/Schedule.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Diagnostics.h"
#include "picollm/Support/Json.h"
#include "picollm/Support/ReadFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace picollm;
using namespace mlir;

namespace {
struct Field {
  StringRef name;
  int64_t Schedule::*value;
  int64_t least, most;
};
} // namespace

static const Field fields[] = {
    {"plane_steps", &Schedule::planeSteps, 1, 16},
    {"product_tokens", &Schedule::productTokens, 1, 16},
    {"prefetch_bytes", &Schedule::prefetchBytes, 0, 1 << 20},
};

Schedule picollm::defaultSchedule(InstructionSet isa) {
  // Prefetches: far enough for memory, near enough to stay in the first cache.
  // One core, 96 MB of weights, without against with: 0.65 and 0.86 of the read
  // bandwidth at 3 bits, 0.73 and 0.88 at 4.
  const int64_t prefetchBytes = 3072;
  switch (isa) {
  case InstructionSet::Portable:
    // Portable look-ups are long, and their time is not that of the loop.
    return {1, 1, prefetchBytes};
  case InstructionSet::AVX512:
    return {4, 8, prefetchBytes};
  case InstructionSet::AVX512GFNI:
    return {4, 4, prefetchBytes};
  default:
    return {4, 2, prefetchBytes};
  }
}

Schedule picollm::scheduleOf(ModuleOp module, InstructionSet isa) {
  Schedule schedule = defaultSchedule(isa);
  auto all = module->getAttrOfType<DictionaryAttr>("picollm.schedules");
  auto own = all ? all.getAs<DictionaryAttr>(nameOf(isa)) : DictionaryAttr();
  for (const Field &field : fields)
    if (auto number = own ? own.getAs<IntegerAttr>(field.name) : IntegerAttr())
      schedule.*field.value = number.getInt();
  return schedule;
}

/// Of a member that is none of `known`.
static void refuseOther(JsonReader &reader, const Json &object,
                        function_ref<bool(StringRef)> isKnown,
                        const Twine &known) {
  for (const auto &[key, value] : object.items())
    if (!isKnown(key))
      reader.fail("'" + key + "' is unknown, expected one of " + known);
}

llvm::Expected<DictionaryAttr> picollm::readSchedules(MLIRContext *context,
                                                      StringRef path) {
  auto text = readFile(path);
  if (!text)
    return text.takeError();
  auto json = parseJson((*text)->getBuffer(), path + ":");
  if (!json)
    return json.takeError();
  Builder b(context);
  std::string error;
  JsonReader file(&*json, path.str(), error);
  SmallVector<NamedAttribute> schedules;
  if (json->is_object())
    refuseOther(
        file, *json,
        [](StringRef key) { return instructionSetByName(key).has_value(); },
        namesOfInstructionSets());
  for (InstructionSet isa : allInstructionSets()) {
    if (!file.has(nameOf(isa)))
      continue;
    JsonReader reader = file.object(nameOf(isa));
    if (reader.failed())
      break;
    refuseOther(
        reader, *file.find(nameOf(isa)),
        [](StringRef key) {
          return llvm::any_of(fields,
                              [&](const Field &f) { return f.name == key; });
        },
        llvm::join(
            llvm::map_range(fields, [](const Field &f) { return f.name; }),
            ", "));
    SmallVector<NamedAttribute> numbers;
    for (const Field &field : fields) {
      std::optional<int64_t> number = reader.integer(field.name);
      if (!number)
        continue;
      if (*number < field.least || *number > field.most)
        reader.fail("'" + field.name + "' of " + nameOf(isa) + " is " +
                    Twine(*number) + ", expected " + Twine(field.least) +
                    " to " + Twine(field.most));
      numbers.push_back(
          b.getNamedAttr(field.name, b.getI64IntegerAttr(*number)));
    }
    schedules.push_back(
        b.getNamedAttr(nameOf(isa), b.getDictionaryAttr(numbers)));
  }
  if (!error.empty())
    return llvm::createStringError(error);
  return b.getDictionaryAttr(schedules);
}

LogicalResult picollm::setSchedules(ModuleOp module, StringRef path) {
  if (path.empty())
    return success();
  auto schedules = readSchedules(module.getContext(), path);
  if (!schedules)
    return emitError(UnknownLoc::get(module.getContext()),
                     llvm::toString(schedules.takeError()));
  module->setAttr("picollm.schedules", *schedules);
  return success();
}
