// Files of one tensor each: raw, .npy or safetensors.

import Foundation
import WeightsLoader

/// Reads and writes files of one tensor.
package enum TensorFile {
    /// Writes a tensor; the file appears under its name when it is complete.
    ///
    /// - Throws: ``PortingError`` `notFinite`, `notStorable` or `unwritable`.
    package static func write(
        _ tensor: NamedTensor, to path: String, _ encoding: TensorEncoding
    ) throws(PortingError) {
        if let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(path: path, tensor: tensor.name, index: index)
        }
        try write(
            encoding.header(tensor.name, tensor.shape) + encoding.bytes(tensor, path: path),
            to: path)
    }

    /// Writes bytes to a temporary file beside `path`, which is renamed once it is complete.
    static func write(_ bytes: [UInt8], to path: String) throws(PortingError) {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
        } catch {
            throw .unwritable(path: path, reason: reason(error))
        }
    }

    /// Reads a tensor of a known shape; a leading batch of one may be missing or added.
    ///
    /// - Parameters:
    ///   - name: of the tensor in a safetensors file.
    ///   - element: the expected type.
    ///   - isFinite: whether all values must be finite.
    /// - Throws: ``PortingError``, which names the file and the shape expected.
    package static func read(
        _ path: String, name: String, shape: [Int], element: TensorEncoding.Element,
        isFinite: Bool = true
    ) throws(PortingError) -> NamedTensor {
        let expected = "\(element.rawValue) \(shape)"
        guard FileManager.default.fileExists(atPath: path) else {
            throw .fileMissing(path: path, expected: expected)
        }
        let tensor: NamedTensor
        switch (path as NSString).pathExtension {
        case "npy":
            let file = try map(path, expected: expected)
            let header = try NPY(file, path: path)
            try check(path, header.shape, shape)
            try check(path, header.element.stored.rawValue, element, shape)
            tensor = npy(file, header, name: name, shape: shape)
        case "safetensors":
            let checkpoint = try open(path)
            guard let stored = checkpoint.tensor(named: name) else {
                throw .tensorMissing(
                    path: path, tensor: name, found: checkpoint.tensors.map(\.name))
            }
            try check(path, stored.shape, shape)
            try check(path, stored.elementType.rawValue, element, shape)
            tensor = NamedTensor(name, shape, try floats(checkpoint, stored))
        default:
            tensor = try raw(
                path, name: name, shape: shape, element: element, expected: expected)
        }
        if isFinite, let index = tensor.values.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(path: path, tensor: name, index: index)
        }
        return tensor
    }

    // MARK: - Containers

    private static func raw(
        _ path: String, name: String, shape: [Int], element: TensorEncoding.Element,
        expected: String
    ) throws(PortingError) -> NamedTensor {
        let file = try map(path, expected: expected)
        let count = shape.reduce(1, *)
        guard file.countBytes == count * element.bytes else {
            let other = TensorEncoding.Element.allCases.first {
                $0 != element && file.countBytes == count * $0.bytes
            }
            throw .wrongSize(
                path: path, foundBytes: file.countBytes, expectedBytes: count * element.bytes,
                expected: expected,
                hint: other.map { "it would fit \($0.rawValue)" } ?? "")
        }
        let values = file.withBytes(0..<file.countBytes) { widened($0, element.stored, count) }
        return NamedTensor(name, shape, values)
    }

    /// The array of a file, after its header.
    static func npy(
        _ file: MappedFile, _ header: NPY, name: String, shape: [Int]
    ) -> NamedTensor {
        let count = shape.reduce(1, *)
        let values = file.withBytes(header.dataStart..<file.countBytes) { bytes in
            guard header.element == .float64 else {
                return widened(bytes, header.element.stored, count)
            }
            return (0..<count).map { index in
                let bits = bytes.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)
                return Float(Double(bitPattern: UInt64(littleEndian: bits)))
            }
        }
        guard header.isColumnMajor else { return NamedTensor(name, shape, values) }
        // Equal to a row-major array with its dimensions reversed.
        let axes = Array(header.shape.indices.reversed())
        var tensor = NamedTensor(name, Array(header.shape.reversed()), values, permuted: axes)
        tensor.shape = shape
        return tensor
    }

    static func open(_ path: String) throws(PortingError) -> Checkpoint {
        do {
            return try Checkpoint.open(path)
        } catch {
            throw .damaged(path: path, problem: (error as? WeightsError)?.problem ?? "\(error)")
        }
    }

    static func floats(
        _ checkpoint: Checkpoint, _ stored: StoredTensor
    ) throws(PortingError) -> [Float] {
        do {
            return try checkpoint.floats(stored)
        } catch {
            throw .damaged(
                path: checkpoint.path,
                problem: "'\(stored.name)' holds \(stored.elementType.rawValue), expected floats")
        }
    }

    static func map(_ path: String, expected: String) throws(PortingError) -> MappedFile {
        do {
            return try MappedFile(path)
        } catch {
            switch error {
            case .fileMissing: throw .fileMissing(path: path, expected: expected)
            case .fileEmpty:
                throw .damaged(path: path, problem: "it has 0 bytes, expected \(expected)")
            default: throw .unreadable(path: path, reason: error.problem)
            }
        }
    }

    private static func widened(
        _ bytes: UnsafeRawBufferPointer, _ type: ElementType, _ count: Int
    ) -> [Float] {
        [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            // The caller has checked the length against the shape.
            let output = UnsafeMutableBufferPointer(rebasing: buffer[..<count])
            Widening.widen(bytes, of: type, into: output)
            initialized = count
        }
    }

    // MARK: - Checks

    private static func check(
        _ path: String, _ found: [Int], _ expected: [Int]
    ) throws(PortingError) {
        // Exporters and runtimes add or drop a batch of one.
        guard Array(found.drop { $0 == 1 }) == Array(expected.drop { $0 == 1 }) else {
            throw .wrongShape(path: path, found: found, expected: expected)
        }
    }

    private static func check(
        _ path: String, _ found: String, _ expected: TensorEncoding.Element, _ shape: [Int]
    ) throws(PortingError) {
        guard found == expected.stored.rawValue else {
            throw .wrongType(
                path: path, found: found, expected: expected.stored.rawValue, shape: shape)
        }
    }

    /// The system's reason for a failed file operation.
    static func reason(_ error: any Error) -> String {
        let error = error as NSError
        return (error.userInfo[NSUnderlyingErrorKey] as? NSError)?.localizedDescription
            ?? error.localizedFailureReason ?? error.localizedDescription
    }
}
