//===- PackFile.h - the container of a .picollm file ------------*- C++ -*-===//
//
// A header of one page, then the sections in the order of PackSection, each at
// the next multiple of its alignment; bytes between them are zero. Little
// endian. Every byte is covered by a check: the header by its own hash, the
// sections by theirs, the rest by being zero.
//
//===----------------------------------------------------------------------===//

#ifndef PICOLLM_PACKING_PACKFILE_H
#define PICOLLM_PACKING_PACKFILE_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <array>
#include <cstdint>
#include <memory>

namespace picollm {

inline constexpr char packFileMagic[9] = "PICOLLMP";
/// Also changes when the dialects do: sections hold their bytecode.
inline constexpr uint32_t packFileVersion = 4;
inline constexpr uint32_t packFileHeaderBytes = 4096;

enum class PackSection {
  Module,     ///< MLIR bytecode of the model after the stage pack
  Tokenizer,  ///< as <name>.tokenizer
  Allocation, ///< as allocation.json
  Weights,    ///< as <name>.weights; starts at a multiple of a page
};
inline constexpr size_t packSectionCount = 4;
inline constexpr const char *packSectionNames[packSectionCount] = {
    "module", "tokenizer", "allocation", "weights"};
inline constexpr uint64_t packSectionAlignment[packSectionCount] = {64, 64, 64,
                                                                    4096};

struct PackFileSection {
  uint64_t offset; ///< from the start of the file
  uint64_t bytes;
  /// Of the section; of the weights what their own header says, the SHA-256 of
  /// all after it.
  uint8_t sha256[32];
};

struct PackFileHeader {
  char magic[8];        ///< packFileMagic, no terminator
  uint32_t version;     ///< packFileVersion
  uint32_t headerBytes; ///< packFileHeaderBytes
  uint64_t fileBytes;   ///< of the whole file
  PackFileSection sections[packSectionCount];
  uint8_t sha256[32]; ///< of the bytes before this field
  // zeros up to headerBytes
};

static_assert(sizeof(PackFileSection) == 48, "part of the format");
static_assert(sizeof(PackFileHeader) == 24 + 48 * packSectionCount + 32,
              "part of the format");
static_assert(sizeof(PackFileHeader) <= packFileHeaderBytes,
              "the header is one page");

/// The end of the name of a compressed model in one file.
inline constexpr llvm::StringLiteral packExtension = ".picollm";

/// Whether the file starts as a .picollm file does.
bool isPackFile(llvm::StringRef path);

/// Writes a .picollm file. `weightFile` is the path of a weight file, whose
/// bytes are copied. `path` has the whole file or what it had before.
llvm::Error writePackFile(llvm::StringRef path, llvm::StringRef module,
                          llvm::StringRef tokenizer, llvm::StringRef allocation,
                          llvm::StringRef weightFile);

/// A .picollm file whose every byte was checked against the hashes that it
/// holds. That finds damage; a file made to harm has the right hashes.
class PackFile {
public:
  /// Maps and checks. Errors are one sentence that starts with the path.
  static llvm::Expected<std::unique_ptr<PackFile>> open(llvm::StringRef path);
  /// The same for bytes in memory; `buffer`'s identifier is the path.
  static llvm::Expected<std::unique_ptr<PackFile>>
  parse(std::unique_ptr<llvm::MemoryBuffer> buffer);

  std::string absolutePath() const;
  /// The bytes of a section, valid as long as the object.
  llvm::StringRef section(PackSection section) const;
  uint64_t offset(PackSection section) const;
  /// Copies the weights into a file of their own.
  llvm::Error extractWeights(llvm::StringRef path) const;

private:
  PackFile(llvm::StringRef path, std::unique_ptr<llvm::MemoryBuffer> buffer)
      : name(path), buffer(std::move(buffer)) {}
  llvm::Error checkHeader();
  llvm::Error checkSections() const;
  llvm::Error error(const llvm::Twine &what) const;

  std::string name;
  std::unique_ptr<llvm::MemoryBuffer> buffer;
  PackFileHeader header;
};

} // namespace picollm

#endif // PICOLLM_PACKING_PACKFILE_H
