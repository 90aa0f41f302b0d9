//===- DataObject.cpp - files as read-only sections of an object ----------===//
//
// An assembler's .incbin would hold hundreds of megabytes in memory; the few
// tables of an ELF object around the bytes of a file are written here instead.
// (System V ABI, chapter 4; the x86-64 supplement for large sections.)
//
//===----------------------------------------------------------------------===//

#include "picollm/Support/WriteFile.h"
#include "picollm/Target/Bundle.h"

#include "llvm/BinaryFormat/ELF.h"
#include "llvm/Object/ELFTypes.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/TargetParser/Triple.h"

using namespace picollm;
using namespace llvm;
using ELFT = object::ELF64LE;

namespace {

/// Sections in order: the null section, one per file, symbols, their names,
/// names of sections.
class DataObject {
public:
  DataObject(uint16_t machine, ArrayRef<EmbeddedFile> files)
      : machine(machine), files(files) {}

  Error open();
  Error write(FileStream &out);

private:
  void addSection(StringRef name, uint32_t type, uint64_t flags, uint64_t size,
                  uint64_t alignment);
  void layOut();
  void padTo(raw_ostream &out, uint64_t offset);

  uint16_t machine;
  ArrayRef<EmbeddedFile> files;
  std::vector<uint64_t> sizes; ///< of the files
  std::vector<ELFT::Shdr> sections;
  std::vector<ELFT::Sym> symbols;
  std::string symbolNames, sectionNames;
  uint64_t end = sizeof(ELFT::Ehdr); ///< of what is laid out so far
};

template <typename T> T zero() {
  T value;
  std::memset(&value, 0, sizeof value);
  return value;
}

template <typename T> void writeBytes(raw_ostream &out, const T &value) {
  out.write(reinterpret_cast<const char *>(&value), sizeof value);
}

} // namespace

Error DataObject::open() {
  for (const EmbeddedFile &file : files) {
    uint64_t size = 0;
    if (std::error_code code = sys::fs::file_size(file.path, size))
      return createStringError(file.path +
                               ": cannot be read: " + code.message());
    sizes.push_back(size);
  }
  layOut();
  return Error::success();
}

void DataObject::addSection(StringRef name, uint32_t type, uint64_t flags,
                            uint64_t size, uint64_t alignment) {
  auto section = zero<ELFT::Shdr>();
  section.sh_name = static_cast<uint32_t>(sectionNames.size());
  sectionNames += name.str() + '\0';
  section.sh_type = type;
  section.sh_flags = flags;
  section.sh_offset = end = alignTo(end, alignment);
  section.sh_size = size;
  section.sh_addralign = alignment;
  end += size;
  sections.push_back(section);
}

void DataObject::layOut() {
  symbols.push_back(zero<ELFT::Sym>());
  sections.push_back(zero<ELFT::Shdr>());
  symbolNames = sectionNames = std::string(1, '\0');
  // A large section may lie out of reach of the code's 32-bit offsets.
  bool large = machine == ELF::EM_X86_64;
  for (size_t i = 0; i < files.size(); ++i) {
    uint64_t size = sizes[i];
    auto symbol = zero<ELFT::Sym>();
    symbol.st_name = static_cast<uint32_t>(symbolNames.size());
    symbolNames += files[i].symbol + '\0';
    symbol.setBindingAndType(ELF::STB_GLOBAL, ELF::STT_OBJECT);
    symbol.setVisibility(ELF::STV_HIDDEN);
    symbol.st_shndx = static_cast<uint16_t>(sections.size());
    symbol.st_size = size;
    symbols.push_back(symbol);
    addSection((large ? ".lrodata." : ".rodata.") + files[i].symbol,
               ELF::SHT_PROGBITS,
               ELF::SHF_ALLOC | (large ? ELF::SHF_X86_64_LARGE : 0), size,
               files[i].alignment);
  }
  addSection(".symtab", ELF::SHT_SYMTAB, 0, symbols.size() * sizeof(ELFT::Sym),
             8);
  sections.back().sh_link = static_cast<uint32_t>(sections.size());
  sections.back().sh_info = 1; // the first global symbol
  sections.back().sh_entsize = sizeof(ELFT::Sym);
  addSection(".strtab", ELF::SHT_STRTAB, 0, symbolNames.size(), 1);
  // The name of the table of names is the last in it.
  static const char last[] = ".shstrtab";
  addSection(last, ELF::SHT_STRTAB, 0, sectionNames.size() + sizeof last, 1);
}

void DataObject::padTo(raw_ostream &out, uint64_t offset) {
  out.write_zeros(static_cast<unsigned>(offset - out.tell()));
}

Error DataObject::write(FileStream &out) {
  auto header = zero<ELFT::Ehdr>();
  std::memcpy(header.e_ident, ELF::ElfMagic, 4);
  header.e_ident[ELF::EI_CLASS] = ELF::ELFCLASS64;
  header.e_ident[ELF::EI_DATA] = ELF::ELFDATA2LSB;
  header.e_ident[ELF::EI_VERSION] = ELF::EV_CURRENT;
  header.e_type = ELF::ET_REL;
  header.e_machine = machine;
  header.e_version = ELF::EV_CURRENT;
  header.e_shoff = alignTo(end, 8);
  header.e_ehsize = sizeof header;
  header.e_shentsize = sizeof(ELFT::Shdr);
  header.e_shnum = static_cast<uint16_t>(sections.size());
  header.e_shstrndx = static_cast<uint16_t>(sections.size() - 1);
  writeBytes(out, header);
  for (size_t i = 0; i < files.size(); ++i) {
    padTo(out, sections[i + 1].sh_offset);
    if (Error error = out.append(files[i].path, 0, sizes[i]))
      return error;
  }
  padTo(out, sections[files.size() + 1].sh_offset);
  for (const ELFT::Sym &symbol : symbols)
    writeBytes(out, symbol);
  out << symbolNames << sectionNames;
  padTo(out, header.e_shoff);
  for (const ELFT::Shdr &section : sections)
    writeBytes(out, section);
  return Error::success();
}

Error picollm::writeDataObject(StringRef triple, ArrayRef<EmbeddedFile> files,
                               StringRef path) {
  bool x86 = Triple(triple).getArch() == Triple::x86_64;
  uint16_t machine = x86 ? ELF::EM_X86_64 : ELF::EM_AARCH64;
  DataObject object(machine, files);
  if (Error error = object.open())
    return error;
  return writeFile(path, [&](FileStream &out) { return object.write(out); });
}
