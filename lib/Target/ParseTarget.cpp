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
/// A name of -target that is not a triple. It promises its instruction sets
/// whatever -mcpu says, unless features are taken away.
struct NamedTarget {
  StringRef name, triple, cpu;
  SmallVector<InstructionSet> instructionSets;
  StringRef instead;  ///< what to take where features are taken away
  StringRef features; ///< that it promises besides those of `cpu`
};
} // namespace

static const NamedTarget namedTargets[] = {
    {"x86-64",
     "x86_64-unknown-linux-gnu",
     "x86-64",
     {InstructionSet::Portable},
     "",
     ""},
    {"x86-64-v3",
     "x86_64-unknown-linux-gnu",
     "x86-64-v3",
     {InstructionSet::AVX2},
     " or take -target=x86-64",
     ""},
    {"x86-64-v4",
     "x86_64-unknown-linux-gnu",
     "x86-64-v4",
     {InstructionSet::AVX512GFNI, InstructionSet::AVX512},
     " or take -target=x86-64-v3",
     "+avx512vnni"},
    {"aarch64",
     "aarch64-unknown-linux-gnu",
     "generic",
     {InstructionSet::I8MM, InstructionSet::DotProduct, InstructionSet::NEON},
     "",
     ""},
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
               "' is unknown, expected host, x86-64, x86-64-v3, x86-64-v4, "
               "aarch64 or an "
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
  StringRef architecture = architectureOf(isa);
  if (!architecture.empty() && Triple(triple).getArchName() != architecture)
    return {architecture.str()};
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

using InstructionSets = SmallVector<InstructionSet>;

/// Those of a name of ours that -mcpu and -mattr leave. Of several variants the
/// better ones need more than every processor of the name has.
static Expected<InstructionSets> instructionSetsOf(const NamedTarget &named,
                                                   const Target &target,
                                                   StringRef cpu,
                                                   StringRef features) {
  InstructionSets chosen;
  std::string missing;
  for (InstructionSet isa : named.instructionSets) {
    std::string available = named.features.str() + ",";
    if (named.instructionSets.size() > 1)
      for (StringRef feature : featuresOf(isa))
        available += "+" + feature.str() + ",";
    auto names = missingFeatures(target, named.triple, cpu,
                                 available + features.str(), isa);
    if (names.empty())
      chosen.push_back(isa);
    else
      missing = names[0];
  }
  if (chosen.empty())
    return error("target '" + named.name + "' needs the feature " + missing +
                 ", which -mcpu or -mattr take away; leave it" + named.instead);
  return chosen;
}

static InstructionSets bestInstructionSet(const Target &target,
                                          StringRef triple, StringRef cpu,
                                          StringRef features) {
  for (InstructionSet isa : allInstructionSets())
    if (missingFeatures(target, triple, cpu, features, isa).empty())
      return {isa};
  return {InstructionSet::Portable};
}

/// Drops variants that need all that a better one needs: -mattr may ask for as
/// much.
static void removeUnreachable(TargetDescription &description) {
  auto needs = [&](InstructionSet isa, InstructionSet better) {
    std::string features = description.requiredFeatures(isa);
    return all_of(featuresOf(better), [&](StringRef feature) {
      return is_contained(split(features, ','), feature);
    });
  };
  InstructionSets kept;
  for (InstructionSet isa : description.instructionSets)
    if (none_of(kept,
                [&](InstructionSet better) { return needs(isa, better); }))
      kept.push_back(isa);
  description.instructionSets.assign(kept.begin(), kept.end());
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
    Expected<InstructionSets> chosen =
        bestInstructionSet(**found, triple, base, available);
    if (isNamed)
      chosen = instructionSetsOf(*named, **found, base, given);
    if (!chosen)
      return chosen.takeError();
    for (InstructionSet isa : *chosen)
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
  removeUnreachable(description);
  return description;
}
