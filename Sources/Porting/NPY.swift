// NumPy's array files (numpy/lib/format.py):
//
//     6 bytes    93 "NUMPY"
//     2 bytes    version: 1.0, 2.0 or 3.0
//     2 bytes    length of the header (4 bytes from version 2.0 on), little-endian
//     N bytes    a Python dictionary: 'descr', 'fortran_order', 'shape'; spaces, a line feed
//     the rest   the elements

import Tracks
import WeightsLoader

/// An `.npy` file, or one in an `.npz` file, with a valid header.
struct NPY {
    let element: ElementType
    let shape: [Int]
    /// Whether the first dimension is the contiguous one.
    private let isColumnMajor: Bool
    private let isBigEndian: Bool
    /// The bytes of the elements.
    private let byteRange: Range<Int>
    private let file: FileBytes
    private let path: String

    /// Supported values of 'descr' without the order of the bytes.
    private static let elements: [String: ElementType] = [
        "f4": .float32, "f2": .float16, "f8": .float64,
        // bfloat16 of the package ml_dtypes, whose elements NumPy doesn't know.
        "V2": .bfloat16,
    ]
    private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Alignment of the elements within the file.
    private static let alignmentBytes = 64
    /// The most bytes of a header, which bounds the memory that a crafted length can request.
    private static let headerLimitBytes = 65_536
    private static let rankLimit = 16

    /// The bytes before the elements of a row-major array.
    static func header(_ element: TensorEncoding.Element, _ shape: [Int]) -> [UInt8] {
        let descr = element == .float32 ? "<f4" : "<f2"
        let sizes = shape.map { "\($0)" }.joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var text =
            "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(sizes)), }"
        let used = magic.count + 4 + text.utf8.count + 1
        text += String(
            repeating: " ", count: (alignmentBytes - used % alignmentBytes) % alignmentBytes)
        text += "\n"
        let length = text.utf8.count
        return magic + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
    }

    /// Reads and checks the header of a file.
    ///
    /// - Parameter expected: the expected contents, for the message about an empty file.
    /// - Throws: ``PortingError``, also for elements that aren't floats.
    init(_ path: String, expected: String) throws(PortingError) {
        let file = try TensorFile.map(path, expected: expected)
        try self.init(file, 0..<file.countBytes, path: path)
    }

    /// Reads and checks the header of an array in a part of a file.
    init(_ file: FileBytes, _ part: Range<Int>, path: String) throws(PortingError) {
        func failure(_ problem: String) -> PortingError { .damaged(path, problem) }
        (self.file, self.path) = (file, path)
        let start = try file.read(part.prefix(12), of: path) { [UInt8]($0) }
        guard start.count >= 10, start.starts(with: NPY.magic) else {
            throw failure("it doesn't begin like an .npy file")
        }
        guard (1...3).contains(start[6]), start[7] == 0 else {
            throw failure("its version is \(start[6]).\(start[7]), expected 1.0, 2.0 or 3.0")
        }
        let isShort = start[6] == 1
        let prefix = isShort ? 10 : 12
        guard start.count >= prefix else { throw failure("it ends within its header") }
        let length = start[8..<prefix].reversed().reduce(0) { $0 << 8 | Int($1) }
        let limit = min(NPY.headerLimitBytes, part.count - prefix)
        guard length <= limit else {
            throw failure(
                "it states a header of \(length) bytes, where at most \(limit) are possible")
        }
        let first = part.lowerBound + prefix + length
        let header = try file.read(first - length..<first, of: path) {
            String(decoding: $0, as: UTF8.self)
        }
        byteRange = first..<part.upperBound
        let descr = NPY.value(of: "descr", in: header) ?? "unknown"
        guard let order = descr.first, "<>|=".contains(order),
            let element = NPY.elements[String(descr.dropFirst())]
        else {
            throw .unusable(
                path: path,
                problem: "has elements of the type \(descr.quoted), which can't be compared; write "
                    + "float32, float16, float64 or bfloat16 (ml_dtypes)")
        }
        self.element = element
        isBigEndian = order == ">"
        switch NPY.value(of: "fortran_order", in: header) {
        case "False": isColumnMajor = false
        case "True": isColumnMajor = true
        default: throw failure("its header doesn't say 'fortran_order'")
        }
        guard let sizes = NPY.value(of: "shape", in: header).flatMap(NPY.sizes) else {
            throw failure("its header has no 'shape' of up to \(NPY.rankLimit) sizes")
        }
        shape = sizes
        var bytes = element.bits / 8
        // A size of zero must not hide that the others have no product.
        var bound = bytes
        for size in sizes {
            let (product, overflow) = bound.multipliedReportingOverflow(by: max(size, 1))
            guard !overflow else { throw failure("its shape \(sizes) is larger than any file") }
            bound = product
            bytes *= size
        }
        guard bytes == byteRange.count else {
            throw .unusable(
                path: path,
                problem: "has \(part.count) bytes, expected \(prefix + length + bytes): "
                    + "\(descr) \(sizes)")
        }
    }

    /// The array as a tensor with a name.
    ///
    /// - Parameter shape: the file's shape; leading dimensions of one may differ.
    /// - Throws: ``PortingError`` if the file has changed since it was opened.
    func tensor(_ name: String, shape: [Int]) throws(PortingError) -> NamedTensor {
        let count = shape.reduce(1, *)
        let values = try file.read(byteRange, of: path) { bytes in
            guard isBigEndian else { return TensorFile.widened(bytes, element, count) }
            var swapped = [UInt8](bytes)
            let size = element.bits / 8
            for start in stride(from: 0, to: swapped.count, by: size) {
                swapped[start..<start + size].reverse()
            }
            return swapped.withUnsafeBytes { TensorFile.widened($0, element, count) }
        }
        guard isColumnMajor else { return NamedTensor(name, shape, values) }
        // A column-major array is a row-major array with its dimensions reversed.
        var tensor = NamedTensor(
            name, self.shape.reversed(), values, permuted: self.shape.indices.reversed())
        tensor.shape = shape
        return tensor
    }

    /// The text of a key's value, without quotes.
    private static func value(of key: String, in header: String) -> String? {
        guard let name = header.firstRange(of: "'\(key)'") ?? header.firstRange(of: "\"\(key)\"")
        else {
            return nil
        }
        let rest = header[name.upperBound...].drop { $0 == " " }
        guard rest.first == ":" else { return nil }
        let text = rest.dropFirst().drop { $0 == " " }
        switch text.first {
        case "(": return text.firstIndex(of: ")").map { String(text[...$0]) }
        case "'", "\"":
            let inner = text.dropFirst()
            return inner.firstIndex { $0 == text.first }.map { String(inner[..<$0]) }
        default: return String(text.prefix { $0.isLetter })
        }
    }

    /// Reads a tuple of sizes: `(1, 2, 44100)`, `(3,)` or `()`.
    private static func sizes(_ text: String) -> [Int]? {
        var parts = text.dropFirst().dropLast().split(
            separator: ",", omittingEmptySubsequences: false
        ).map { $0.split { $0 == " " || $0 == "\t" } }
        if parts.last == [] { parts.removeLast() }
        let sizes = parts.compactMap { $0.count == 1 ? Int($0[0]) : nil }
        guard sizes.count == parts.count, sizes.count <= rankLimit, sizes.allSatisfy({ $0 >= 0 })
        else { return nil }
        return sizes
    }
}
