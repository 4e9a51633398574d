// Writer of safetensors files in the official layout, tensor by tensor.

import System

package struct SafetensorsWriter {
    /// A tensor to write.
    package struct Entry {
        fileprivate enum Values {
            case stored(StoredTensor)
            case bytes([UInt8])
        }

        package let name: String
        let shape: [Int]
        let type: ElementType
        fileprivate let values: Values

        /// - Parameter shape: a shape with as many elements as the tensor.
        package init(_ tensor: StoredTensor, shape: [Int]) {
            name = tensor.name
            self.shape = shape
            type = tensor.elementType
            values = .stored(tensor)
        }

        /// - Parameter bytes: the values in the given type and shape, row-major and little-endian.
        package init(_ name: String, shape: [Int], _ type: ElementType, bytes: [UInt8]) {
            self.name = name
            self.shape = shape
            self.type = type
            values = .bytes(bytes)
        }

        /// Size of the values in bytes, in their own type.
        package var countBytes: Int { shape.reduce(1, *) * type.bits / 8 }
    }

    private let checkpoint: Checkpoint
    private let entries: [Entry]
    private let arguments: ModelArguments
    private let metadata: [String: String]
    private let asFloat16: Bool

    /// - Parameters:
    ///   - entries: the tensors to write, in any order.
    ///   - metadata: entries of the metadata besides the arguments.
    ///   - asFloat16: whether to round stored values, which must be floats, to float16; else they
    ///     keep their types.
    package init(
        _ checkpoint: Checkpoint, entries: [Entry], arguments: ModelArguments,
        metadata: [String: String] = [:], asFloat16: Bool = false
    ) {
        self.checkpoint = checkpoint
        self.entries = entries.sorted { $0.name < $1.name }
        self.arguments = arguments
        self.metadata = metadata
        self.asFloat16 = asFloat16
    }

    /// Writes the file atomically, through a temporary file beside it.
    ///
    /// - Throws: ``WeightsError/fileUnwritable(path:reason:)``,
    ///   ``WeightsError/notStorable(path:tensor:value:type:)``,
    ///   ``WeightsError/metadataInvalid(path:key:problem:)``.
    package func write(to path: String) throws {
        let header = try header()
        do {
            try replaceFile(at: path) { descriptor in
                try header.withUnsafeBytes { try writeAll($0, to: descriptor) }
                for entry in entries {
                    try values(entry).withUnsafeBytes { try writeAll($0, to: descriptor) }
                }
                try retryingInterrupted { synchronise(descriptor) }
            }
        } catch let error as SystemError {
            throw WeightsError.fileUnwritable(path: path, reason: "\(error)")
        }
    }

    /// Size of the file in bytes.
    ///
    /// - Throws: ``WeightsError/metadataInvalid(path:key:problem:)``.
    package func countBytes() throws -> Int {
        try header().count
            + entries.reduce(0) { $0 + $1.shape.reduce(1, *) * type($1).bits / 8 }
    }

    // MARK: - Pieces

    private func type(_ entry: Entry) -> ElementType {
        if asFloat16, case .stored = entry.values { .float16 } else { entry.type }
    }

    private func header() throws -> [UInt8] {
        var members: [String: ArgumentValue] = [:]
        var stored = metadata.mapValues(ArgumentValue.string)
        stored["klass"] = .string(arguments.className)
        stored["args"] = .string(try json(.array(arguments.positional), "args"))
        stored["kwargs"] = .string(try json(.object(arguments.keyword), "kwargs"))
        members["__metadata__"] = .object(stored)
        var begin = 0
        for entry in entries {
            let end = begin + entry.shape.reduce(1, *) * type(entry).bits / 8
            members[entry.name] = .object([
                "dtype": .string(type(entry).rawValue),
                "shape": .array(entry.shape.map(ArgumentValue.integer)),
                "data_offsets": .array([.integer(begin), .integer(end)]),
            ])
            begin = end
        }
        var text = Array(try json(.object(members), "__metadata__").utf8)
        text += [UInt8](repeating: UInt8(ascii: " "), count: (8 - text.count % 8) % 8)
        return (0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) } + text
    }

    private func json(_ value: ArgumentValue, _ key: String) throws -> String {
        guard let json = value.json else {
            throw WeightsError.metadataInvalid(
                path: checkpoint.path, key: key,
                problem: "an infinite number, which JSON can't express")
        }
        return json
    }

    private func values(_ entry: Entry) throws -> [UInt8] {
        let tensor: StoredTensor
        switch entry.values {
        case .stored(let stored): tensor = stored
        case .bytes(let bytes): return bytes
        }
        guard asFloat16, tensor.elementType != .float16 else {
            return try checkpoint.read(tensor) { Array($0) }
        }
        let floats = try checkpoint.floats(tensor)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * floats.count)
        for value in floats {
            let bits = Narrowing.float16(value)
            guard bits & 0x7FFF != 0x7C00 || value.isInfinite else {
                throw WeightsError.notStorable(
                    path: checkpoint.path, tensor: tensor.name, value: value, type: .float16)
            }
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
        }
        return bytes
    }
}
