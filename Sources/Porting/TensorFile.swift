// Files of one tensor: raw, .npy or safetensors.

import System
import Tracks
import WeightsLoader

/// Reads and writes files of one tensor.
package enum TensorFile {
    /// Writes a tensor; the file gets its name when it is complete.
    ///
    /// - Parameter isFinite: whether all values must be finite.
    /// - Throws: ``PortingError``, for example `notFinite`.
    package static func write(
        _ tensor: NamedTensor, to path: String, _ encoding: TensorEncoding, isFinite: Bool = true
    ) throws(PortingError) {
        if isFinite, let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(path: path, tensor: tensor.name, index: index)
        }
        try write(
            encoding.header(tensor.name, tensor.shape) + encoding.bytes(tensor, path: path),
            to: path)
    }

    /// Writes a file atomically, through a temporary file beside it.
    static func write(_ bytes: [UInt8], to path: String) throws(PortingError) {
        do {
            try replaceFile(at: path, with: bytes)
        } catch {
            throw .unwritable(path, "\(error)")
        }
    }

    /// Reads a tensor of a known shape; leading dimensions of one may be missing or added.
    ///
    /// - Parameters:
    ///   - name: name of the tensor in a safetensors file.
    ///   - element: the expected type.
    ///   - isFinite: whether all values must be finite.
    /// - Throws: ``PortingError`` with the file and the expected shape.
    package static func read(
        _ path: String, name: String, shape: [Int], element: TensorEncoding.Element,
        isFinite: Bool = true
    ) throws(PortingError) -> NamedTensor {
        let expected = "\(element.rawValue) \(shape)"
        guard FilePath.status(path) != nil else {
            throw .missing(path, expected: expected)
        }
        func check(_ foundShape: [Int], _ found: ElementType) throws(PortingError) {
            // Exporters and runtimes add or drop a batch dimension of one.
            guard foundShape.unbatched == shape.unbatched else {
                throw .unusable(
                    path: path, problem: "has the shape \(foundShape), expected \(shape)")
            }
            guard found == element.stored else {
                throw .unusable(
                    path: path,
                    problem: "contains \(found.rawValue), expected \(element.stored.rawValue) "
                        + "\(shape); give all files one type")
            }
        }
        let tensor: NamedTensor
        switch FilePath.pathExtension(of: path) {
        case "npy":
            let array = try NPY(path, expected: expected)
            try check(array.shape, array.element)
            tensor = try array.tensor(name, shape: shape)
        case "safetensors":
            let checkpoint = try open(path)
            guard let stored = checkpoint.tensor(named: name) else {
                throw .tensorMissing(path, name, found: checkpoint.tensors.map(\.name))
            }
            try check(stored.shape, stored.elementType)
            tensor = NamedTensor(name, shape, try floats(checkpoint, stored))
        default:
            tensor = NamedTensor(name, shape, try raw(path, shape, element))
        }
        if isFinite, let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(path: path, tensor: name, index: index)
        }
        return tensor
    }

    // MARK: - Containers

    private static func raw(
        _ path: String, _ shape: [Int], _ element: TensorEncoding.Element
    ) throws(PortingError) -> [Float] {
        let expected = "\(element.rawValue) \(shape)"
        let file = try map(path, expected: expected)
        let count = shape.reduce(1, *)
        guard file.countBytes == count * element.bytes else {
            let other = TensorEncoding.Element.allCases.first {
                $0 != element && file.countBytes == count * $0.bytes
            }
            throw .unusable(
                path: path,
                problem: "has \(file.countBytes) bytes, expected \(count * element.bytes): "
                    + expected + (other.map { "; it would fit \($0.rawValue)" } ?? ""))
        }
        return try file.read(0..<file.countBytes, of: path) { widened($0, element.stored, count) }
    }

    static func open(_ path: String) throws(PortingError) -> Checkpoint {
        do {
            return try Checkpoint.open(path)
        } catch .fileEmpty {
            throw .damaged(path, "it has 0 bytes; write it again")
        } catch .damaged(_, _, let offset, let problem) {
            throw .damaged(path, "\(problem.printable()) (byte \(offset)); write it again")
        } catch {
            throw .unusable(path: path, problem: error.problem)
        }
    }

    static func floats(
        _ checkpoint: Checkpoint, _ stored: StoredTensor
    ) throws(PortingError) -> [Float] {
        do {
            guard stored.elementType == .float64 else { return try checkpoint.floats(stored) }
            return try checkpoint.read(stored) { widened($0, .float64, stored.count) }
        } catch .notFloats {
            throw .unusable(
                path: checkpoint.path,
                problem:
                    "has \(stored.name.quoted) as \(stored.elementType.rawValue), which can't be "
                    + "compared; write F32, F16, BF16 or F64")
        } catch {
            throw .unusable(path: checkpoint.path, problem: error.problem)
        }
    }

    static func map(_ path: String, expected: String) throws(PortingError) -> ReadFile {
        do {
            return try ReadFile(path)
        } catch .fileEmpty {
            throw .damaged(path, "it has 0 bytes, expected \(expected)")
        } catch {
            throw .unusable(path: path, problem: error.problem)
        }
    }

    /// Floats of 16, 32 or 64 bits as float32.
    static func widened(
        _ bytes: UnsafeRawBufferPointer, _ type: ElementType, _ count: Int
    ) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            // The caller has checked the length against the shape.
            let output = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
            if type == .float64 {
                for index in 0..<count {
                    let bits = bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                    output[index] = Float(Double(bitPattern: UInt64(littleEndian: bits)))
                }
            } else {
                Widening.widen(bytes, of: type, into: output)
            }
            initialized = count
        }
    }
}

extension [Int] {
    /// A shape without leading dimensions of one.
    var unbatched: ArraySlice<Int> { drop { $0 == 1 } }
}

extension FileBytes {
    /// ``read(_:_:)`` with the error of the file at `path`.
    func read<Result>(
        _ range: Range<Int>, of path: String, _ body: (UnsafeRawBufferPointer) -> Result
    ) throws(PortingError) -> Result {
        do {
            return try read(range, body)
        } catch {
            throw .unusable(path: path, problem: error.problem)
        }
    }
}
