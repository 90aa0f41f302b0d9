//===- CodeFile.cpp - quantised matrices between two passes ---------------===//

#include "picollm/Compression/CodeFile.h"
#include "picollm/Support/RawVector.h"
#include "picollm/Support/WriteFile.h"
#include "llvm/Support/FileSystem.h"
#include <cstring>

using namespace picollm;

llvm::Expected<std::unique_ptr<CodeFileWriter>>
CodeFileWriter::create(llvm::StringRef path) {
  return reopen(path, 0);
}

llvm::Expected<std::unique_ptr<CodeFileWriter>>
CodeFileWriter::reopen(llvm::StringRef path, int64_t bytes) {
  auto writer = std::make_unique<CodeFileWriter>();
  writer->path = path.str();
  int descriptor = -1;
  std::error_code error = llvm::sys::fs::openFileForReadWrite(
      path, descriptor, llvm::sys::fs::CD_OpenAlways, llvm::sys::fs::OF_None);
  if (!error) {
    writer->os = std::make_unique<llvm::raw_fd_ostream>(descriptor,
                                                        /*shouldClose=*/true);
    error = llvm::sys::fs::resize_file(descriptor, bytes);
    writer->os->seek(bytes);
  }
  if (error)
    return llvm::createStringError(error, "%s: cannot be written: %s",
                                   path.str().c_str(), error.message().c_str());
  return writer;
}

CodeFileWriter::~CodeFileWriter() {
  if (os)
    llvm::consumeError(takeError(*os, path));
}

llvm::Error CodeFileWriter::finish() { return takeError(*os, path); }

/// Bytes of one row of codes.
static int64_t rowBytes(const Panel &panel) {
  int64_t bytes = 0;
  for (const Segment &segment : panel.segments)
    bytes += segment.columns * (segment.bits == 0    ? 0
                                : segment.bits == 16 ? 2
                                                     : 1);
  return bytes;
}

static void writeRow(const Panel &panel, const uint16_t *codes, char *out) {
  for (const Segment &segment : panel.segments) {
    if (segment.bits == 16) {
      std::memcpy(out, codes, 2 * segment.columns);
      out += 2 * segment.columns;
    } else if (segment.bits > 0) {
      for (int64_t i = 0; i < segment.columns; ++i)
        *out++ = static_cast<char>(codes[i]);
    }
    codes += segment.columns;
  }
}

static void readRow(const Panel &panel, const char *in, uint16_t *codes) {
  for (const Segment &segment : panel.segments) {
    if (segment.bits == 16) {
      std::memcpy(codes, in, 2 * segment.columns);
      in += 2 * segment.columns;
    } else {
      for (int64_t i = 0; i < segment.columns; ++i)
        codes[i] = segment.bits ? static_cast<uint8_t>(*in++) : 0;
    }
    codes += segment.columns;
  }
}

llvm::Expected<int64_t> CodeFileWriter::append(const QuantizedMatrix &matrix) {
  int64_t offset = os->tell();
  writeElements(*os, matrix.order);
  writeElements(*os, matrix.columnScales);
  for (size_t p = 0; p < matrix.panels.size(); ++p) {
    const Panel &panel = matrix.layout.panels[p];
    const QuantizedPanel &values = matrix.panels[p];
    writeElements(*os, values.segmentScales);
    writeElements(*os, values.rowScales);
    writeElements(*os, values.groupScales);
    writeElements(*os, values.zeros);
    std::vector<char> row(rowBytes(panel));
    for (int64_t i = 0; i < panel.rows; ++i) {
      writeRow(panel, values.codes.data() + i * matrix.layout.columns,
               row.data());
      os->write(row.data(), row.size());
    }
  }
  return written(offset);
}

llvm::Expected<int64_t>
CodeFileWriter::appendFloats(const std::vector<float> &values) {
  int64_t offset = os->tell();
  writeElements(*os, values);
  return written(offset);
}

llvm::Expected<int64_t> CodeFileWriter::written(int64_t offset) const {
  if (os->has_error())
    return llvm::createStringError(os->error(), "%s: cannot be written: %s",
                                   path.c_str(), os->error().message().c_str());
  return offset;
}

llvm::Expected<QuantizedMatrix> picollm::readCodes(llvm::StringRef bytes,
                                                   int64_t offset,
                                                   const MatrixLayout &layout) {
  if (llvm::Error error = checkLayout(layout))
    return std::move(error);
  auto truncated = [] {
    return llvm::createStringError("the file of codes ends within a matrix");
  };
  if (offset < 0 || static_cast<size_t>(offset) > bytes.size())
    return truncated();
  bytes = bytes.drop_front(offset);
  QuantizedMatrix matrix;
  matrix.layout = layout;
  if (!readElements(bytes, layout.columns, matrix.order) ||
      !readElements(bytes, layout.columns, matrix.columnScales))
    return truncated();
  for (const Panel &panel : layout.panels) {
    QuantizedPanel &values = matrix.panels.emplace_back();
    size_t row = rowBytes(panel), groups = panel.rows * panelGroups(panel);
    if (!readElements(bytes, panel.segments.size(), values.segmentScales) ||
        !readElements(bytes, panel.rows, values.rowScales) ||
        !readElements(bytes, groups, values.groupScales) ||
        !readElements(bytes, groups, values.zeros) ||
        bytes.size() / std::max<size_t>(row, 1) <
            (row ? static_cast<size_t>(panel.rows) : 0))
      return truncated();
    values.codes.resize(panel.rows * layout.columns);
    for (int64_t i = 0; i < panel.rows; ++i)
      readRow(panel, bytes.data() + i * row,
              values.codes.data() + i * layout.columns);
    bytes = bytes.drop_front(panel.rows * row);
  }
  if (llvm::Error error = checkQuantizedMatrix(matrix))
    return std::move(error);
  return matrix;
}
