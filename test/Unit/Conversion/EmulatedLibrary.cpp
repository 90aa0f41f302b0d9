//===- EmulatedLibrary.cpp - functions called in an emulator --------------===//

#include "EmulatedLibrary.h"

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using namespace picollm;

bool EmulatedLibrary::isAvailable() {
#ifdef PICOLLM_QEMU_AARCH64
  return true;
#else
  return false;
#endif
}

EmulatedLibrary::EmulatedLibrary(const std::string &path,
                                 const std::string &processor) {
#ifdef PICOLLM_QEMU_AARCH64
  int in[2], out[2];
  if (pipe(in) || pipe(out))
    return;
  child = fork();
  if (child == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    for (int end : {in[0], in[1], out[0], out[1]})
      close(end);
    execl(PICOLLM_QEMU_AARCH64, PICOLLM_QEMU_AARCH64, "-L",
          PICOLLM_AARCH64_SYSROOT, "-cpu", processor.c_str(),
          PICOLLM_AARCH64_PROGRAMS "/call_functions", path.c_str(),
          static_cast<char *>(nullptr));
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  requests = fdopen(in[1], "w");
  answers = fdopen(out[0], "r");
  // An emulator that has died is an answer that does not come.
  std::signal(SIGPIPE, SIG_IGN);
#endif
}

EmulatedLibrary::~EmulatedLibrary() {
  if (requests)
    fclose(requests);
  if (answers)
    fclose(answers);
  if (child > 0)
    waitpid(child, nullptr, 0);
}

std::string
EmulatedLibrary::call(const std::string &function,
                      const std::vector<FunctionArgument> &arguments) {
  if (!requests || !answers)
    return "the emulator could not be started";
  auto put = [&](uint64_t number) { fwrite(&number, 8, 1, requests); };
  // Several arguments may point into one buffer.
  std::vector<FunctionArgument> buffers;
  std::vector<uint64_t> numbers;
  for (const FunctionArgument &argument : arguments) {
    uint64_t number = 0;
    while (number < buffers.size() && buffers[number].data != argument.data)
      ++number;
    if (argument.data && number == buffers.size())
      buffers.push_back(argument);
    numbers.push_back(argument.data ? number : UINT64_MAX);
  }
  put(function.size());
  fwrite(function.data(), 1, function.size(), requests);
  put(buffers.size());
  for (const FunctionArgument &buffer : buffers) {
    put(buffer.bytes);
    fwrite(buffer.data, 1, buffer.bytes, requests);
  }
  put(arguments.size());
  for (size_t i = 0; i < arguments.size(); ++i) {
    put(numbers[i]);
    put(arguments[i].value);
  }
  if (fflush(requests))
    return "the emulator has ended";
  for (const FunctionArgument &buffer : buffers) {
    std::vector<char> bytes(buffer.bytes);
    if (fread(bytes.data(), 1, bytes.size(), answers) != bytes.size())
      return "the emulated function gave no answer";
    if (buffer.writable)
      std::copy(bytes.begin(), bytes.end(), static_cast<char *>(buffer.data));
  }
  return "";
}
