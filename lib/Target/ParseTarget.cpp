//===- ParseTarget.cpp - -target, -mcpu and -mattr ------------------------===//

#include "TargetLookup.h"
#include "picollm/Target/Target.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace picollm;
using namespace llvm;

static Error error(const Twine &message) {
  return createStringError(inconvertibleErrorCode(), message.str().c_str());
}

namespace {
/// A name of -target that is not a triple. Features: what the processor has,
/// for choosing the instruction set.
struct NamedTarget {
  StringRef name, triple, cpu;
};
} // namespace

static const NamedTarget namedTargets[] = {
    {"x86-64", "x86_64-unknown-linux-gnu", "x86-64"},
    {"x86-64-v3", "x86_64-unknown-linux-gnu", "x86-64-v3"},
    {"aarch64", "aarch64-unknown-linux-gnu", "generic"},
};

std::string TargetDescription::requiredFeatures(InstructionSet isa) const {
  std::vector<std::string> names;
  for (StringRef feature : featuresOf(isa))
    names.push_back(feature.str());
  for (StringRef feature : features)
    if (feature.consume_front("+") && !is_contained(names, feature))
      names.push_back(feature.str());
  return join(names, ",");
}

Expected<const Target *> picollm::lookUpTarget(StringRef triple) {
  initializeTargets();
  std::string message;
  if (const Target *target =
          TargetRegistry::lookupTarget(Triple(triple), message))
    return target;
  return error("target '" + triple +
               "' is unknown, expected host, x86-64, x86-64-v3, aarch64 or an "
               "LLVM triple such as x86_64-unknown-linux-gnu");
}

/// Checks the names of a processor and of features for a triple.
static Error checkNames(const Target &target, StringRef triple, StringRef cpu,
                        ArrayRef<std::string> features) {
  std::unique_ptr<MCSubtargetInfo> info(
      target.createMCSubtargetInfo(Triple(triple), "", ""));
  if (!info)
    return error("target '" + triple + "' has no description of processors");
  if (!cpu.empty() && !info->isCPUStringValid(cpu)) {
    std::vector<StringRef> known;
    for (const SubtargetSubTypeKV &entry : info->getAllProcessorDescriptions())
      known.push_back(StringRef(entry.Key));
    return error("processor '" + cpu + "' is unknown for " + triple +
                 "; there are: " + join(known, ", "));
  }
  for (StringRef feature : features) {
    StringRef name = feature.drop_front();
    auto known = info->getAllProcessorFeatures();
    if (any_of(known, [&](const SubtargetFeatureKV &entry) {
          return name == StringRef(entry.Key);
        }))
      continue;
    std::vector<StringRef> names;
    for (const SubtargetFeatureKV &entry : known)
      names.push_back(StringRef(entry.Key));
    return error("feature '" + name + "' is unknown for " + triple +
                 "; there are: " + join(names, ", "));
  }
  return Error::success();
}

/// Names of the features in `needed` that cpu and features do not give.
static std::vector<std::string> missingFeatures(const Target &target,
                                                StringRef triple, StringRef cpu,
                                                StringRef features,
                                                InstructionSet isa) {
  std::unique_ptr<MCSubtargetInfo> info(
      target.createMCSubtargetInfo(Triple(triple), cpu, features));
  std::vector<std::string> missing;
  for (StringRef feature : featuresOf(isa)) {
    bool known = any_of(info->getAllProcessorFeatures(),
                        [&](const SubtargetFeatureKV &entry) {
                          return feature == StringRef(entry.Key);
                        });
    if (!known || !info->checkFeatures("+" + feature.str()))
      missing.push_back(feature.str());
  }
  return missing;
}

/// True for triples whose code can be one library; vendors do not matter.
static bool haveSameAbi(const Triple &a, const Triple &b) {
  return a.getArch() == b.getArch() && a.getOS() == b.getOS() &&
         a.getEnvironment() == b.getEnvironment();
}

static std::string hostFeatures() {
  std::vector<std::string> names;
  for (const auto &feature : sys::getHostCPUFeatures())
    if (feature.second)
      names.push_back("+" + feature.first().str());
  return join(names, ",");
}

static Expected<std::vector<std::string>> parseFeatures(StringRef text) {
  std::vector<std::string> features;
  for (StringRef feature : split(text, ',')) {
    feature = feature.trim();
    if (feature.empty())
      continue;
    if (feature[0] != '+' && feature[0] != '-')
      return error("feature '" + feature + "' of -mattr has no sign; write +" +
                   feature + " or -" + feature);
    features.push_back(feature.str());
  }
  return features;
}

Expected<TargetDescription>
picollm::parseTarget(StringRef target, StringRef cpu, StringRef featureList) {
  TargetDescription description;
  auto features = parseFeatures(featureList);
  if (!features)
    return features.takeError();
  description.features = *features;
  description.tuneCpu = cpu.str();
  for (StringRef name : split(target, ',')) {
    name = name.trim();
    const NamedTarget *named = find_if(
        namedTargets, [&](const NamedTarget &n) { return n.name == name; });
    bool isNamed = named != std::end(namedTargets), isHost = name == "host";
    std::string triple = Triple::normalize(isHost    ? sys::getProcessTriple()
                                           : isNamed ? named->triple.str()
                                                     : name.str());
    if (!description.triple.empty() &&
        !haveSameAbi(Triple(description.triple), Triple(triple)))
      return error("target '" + target + "' mixes " + description.triple +
                   " and " + triple + ", expected variants of one triple");
    if (description.triple.empty())
      description.triple = triple;
    auto found = lookUpTarget(triple);
    if (!found)
      return found.takeError();
    if (Error e = checkNames(**found, triple, cpu, description.features))
      return std::move(e);
    StringRef base = !cpu.empty() ? cpu : isNamed ? named->cpu : StringRef("");
    std::string given = join(description.features, ",");
    std::string available =
        isHost && cpu.empty() ? hostFeatures() + "," + given : given;
    // A name of ours promises its instruction set whatever -mcpu says.
    InstructionSet isa = InstructionSet::Portable;
    for (InstructionSet candidate : allInstructionSets())
      if (missingFeatures(**found, triple, base, available, candidate)
              .empty()) {
        isa = candidate;
        break;
      }
    if (name == "x86-64")
      isa = InstructionSet::Portable;
    if (name == "x86-64-v3") {
      isa = InstructionSet::AVX2;
      auto missing = missingFeatures(**found, triple, base, available, isa);
      if (!missing.empty())
        return error("target 'x86-64-v3' needs the feature " + missing[0] +
                     ", which -mcpu or -mattr take away; leave it or take "
                     "-target=x86-64");
    }
    if (!is_contained(description.instructionSets, isa))
      description.instructionSets.push_back(isa);
  }
  llvm::sort(description.instructionSets,
             [](InstructionSet a, InstructionSet c) {
               auto rank = [](InstructionSet isa) {
                 return find(allInstructionSets(), isa);
               };
               return rank(a) < rank(c);
             });
  return description;
}
