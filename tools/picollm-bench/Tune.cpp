#include "Tune.h"
#include "Median.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

/// What of a schedule is tried, in this order, and what it is judged by.
struct Parameter {
  const char *name;
  std::vector<int> values;
  double Speed::*speed;
};

const Parameter parameters[] = {
    {"plane_steps", {1, 2, 4, 8}, &Speed::decodeTokensPerSecond},
    {"prefetch_bytes", {0, 1024, 3072, 8192}, &Speed::decodeTokensPerSecond},
    {"product_tokens", {1, 2, 3, 4, 6, 8}, &Speed::prefillTokensPerSecond},
};

/// A schedule must be so much faster than another, and faster in all rounds but
/// one, to be taken instead: below it, what is measured is the machine.
constexpr double leastGain = 1.01;

using Model = std::unique_ptr<picollm_model, Freed>;

class Tuner {
public:
  explicit Tuner(const TuneOptions &options)
      : options(options), memory(uint64_t(64) << 20) {
    std::random_device random;
    folder = fs::temp_directory_path() /
             ("picollm-tune-" + std::to_string(random()));
  }
  ~Tuner() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  std::string run();

private:
  bool compile(const Json &schedule, Model &model);
  bool measure(const picollm_model *model, Speed &speed);
  std::vector<double> gains(const picollm_model *candidate,
                            double Speed::*speed);
  void showProgress(const std::string &what);
  bool readOutput(Json &file);
  bool write();

  const TuneOptions &options;
  ReadBandwidth memory;
  fs::path folder;
  std::string problem, instructionSet;
  Json best = Json::object();
  Model bestModel;
  int compiled = 0, steps = 1;
  std::chrono::steady_clock::time_point start =
      std::chrono::steady_clock::now();
};

} // namespace

static std::string quote(const std::string &path) { return '"' + path + '"'; }

/// Compiles the model and loads it.
bool Tuner::compile(const Json &schedule, Model &model) {
  const fs::path output = folder / std::to_string(compiled);
  std::string command = quote(options.compiler) + " " + quote(options.model) +
                        " -o " + quote(output.string()) +
                        " --name=tuned --quiet";
  if (!schedule.empty()) {
    const fs::path file = folder / "schedule.json";
    std::ofstream(file) << Json{{instructionSet, schedule}};
    command += " --schedule=" + quote(file.string());
  }
  const fs::path log = folder / "log";
  command += " > " + quote(log.string());
  if (std::system(command.c_str()) != 0) {
    problem = options.compiler + " failed, see above";
    return false;
  }
  ++compiled;
  if (instructionSet.empty()) {
    const Json manifest =
        Json::parse(std::ifstream(output / "manifest.json"), nullptr, false);
    if (manifest.is_discarded() || !manifest.contains("variants")) {
      problem = (output / "manifest.json").string() + ": has no variants";
      return false;
    }
    instructionSet = manifest["variants"][0].value("instruction_set", "");
  }
  picollm_error error;
  picollm_model *loaded = nullptr;
  if (picollm_model_load(output.string().c_str(), nullptr, &loaded, &error)) {
    problem = error.message;
    return false;
  }
  model.reset(loaded);
  return true;
}

bool Tuner::measure(const picollm_model *model, Speed &speed) {
  SpeedOptions once = options.speed;
  once.repeat = 1;
  picollm_error error;
  if (measureSpeed(model, once, options.threads, memory, speed, error)) {
    problem = error.message;
    return false;
  }
  return true;
}

/// How many times as fast as the best one it is, by rounds in each of which
/// both are measured, sorted; none on errors.
std::vector<double> Tuner::gains(const picollm_model *candidate,
                                 double Speed::*speed) {
  std::vector<double> ratios;
  for (int round = 0; round < options.speed.repeat; ++round) {
    Speed of[2];
    const bool first = round % 2; // who is measured first has other caches
    for (bool isCandidate : {first, !first})
      if (!measure(isCandidate ? candidate : bestModel.get(), of[isCandidate]))
        return {};
    ratios.push_back(of[1].*speed / of[0].*speed);
  }
  std::sort(ratios.begin(), ratios.end());
  return ratios;
}

void Tuner::showProgress(const std::string &what) {
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  const int left = compiled ? int(seconds / compiled * (steps - compiled)) : 0;
  std::fprintf(stderr, "%2d/%d  %d:%02d left  %s\n", compiled, steps, left / 60,
               left % 60, what.c_str());
}

/// What is in the file already.
bool Tuner::readOutput(Json &file) {
  file = Json::object();
  if (std::ifstream old(options.output); old)
    file = Json::parse(old, nullptr, false);
  if (!file.is_object())
    problem =
        options.output + ": is no JSON object; remove it, or give another name";
  return file.is_object();
}

/// Complete or not at all; other instruction sets keep their schedules.
bool Tuner::write() {
  Json file;
  if (!readOutput(file))
    return false;
  file[instructionSet] = best;
  const std::string partial = options.output + ".partial";
  std::ofstream stream(partial);
  stream << file.dump(2) << "\n";
  stream.close();
  std::error_code error;
  if (stream)
    fs::rename(partial, options.output, error);
  if (!stream || error) {
    problem = options.output + ": cannot be written";
    std::remove(partial.c_str());
    return false;
  }
  return true;
}

std::string Tuner::run() {
  if (Json old; !readOutput(old))
    return problem;
  fs::create_directories(folder);
  for (const Parameter &parameter : parameters)
    steps += int(parameter.values.size());
  showProgress("as the compiler does by default");
  if (!compile(best, bestModel))
    return problem;
  for (const Parameter &parameter : parameters)
    for (int value : parameter.values) {
      Json schedule = best;
      schedule[parameter.name] = value;
      Model model;
      if (!compile(schedule, model))
        return problem;
      const std::vector<double> ratios = gains(model.get(), parameter.speed);
      if (ratios.empty())
        return problem;
      const double ratio = median(ratios);
      const bool wins =
          ratio > leastGain && ratios[ratios.size() > 1 ? 1 : 0] > 1;
      char text[128];
      std::snprintf(text, sizeof text, "%s %d: %.3f times as fast%s",
                    parameter.name, value, ratio, wins ? ", taken" : "");
      showProgress(text);
      if (wins) {
        best = schedule;
        bestModel = std::move(model);
      }
    }
  if (!write())
    return problem;
  std::printf("%s: %s\n", instructionSet.c_str(),
              best.empty() ? "the default is as fast as all others"
                           : best.dump().c_str());
  return "";
}

std::string compilerOf(const std::string &given, const std::string &program) {
  if (!given.empty())
    return given;
  const fs::path beside = fs::path(program).parent_path() / "picollm-compile";
  std::error_code ignored;
  return fs::exists(beside, ignored) ? beside.string() : "picollm-compile";
}

std::string tune(const TuneOptions &options) {
  for (const std::string &path : {options.model, options.compiler})
    if (path.find('"') != std::string::npos)
      return path + ": has a quotation mark in its name";
  const std::string extension = ".picollm";
  if (options.model.size() <= extension.size() ||
      options.model.compare(options.model.size() - extension.size(),
                            extension.size(), extension) != 0)
    return options.model + ": --tune compiles a .picollm file, as "
                           "picollm-compile -o NAME.picollm writes it";
  return Tuner(options).run();
}
