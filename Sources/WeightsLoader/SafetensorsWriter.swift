// Writes safetensors files in the official layout, tensor by tensor.

import Foundation

/// A checkpoint on its way into a file.
package struct SafetensorsWriter {
    /// Which values to write, and under which sizes.
    package struct Entry {
        let tensor: StoredTensor
        let shape: [Int]

        /// - Parameter shape: of as many elements as the tensor.
        package init(_ tensor: StoredTensor, shape: [Int]) {
            self.tensor = tensor
            self.shape = shape
        }
    }

    private let checkpoint: Checkpoint
    private let entries: [Entry]
    private let arguments: ModelArguments
    private let isHalf: Bool

    /// - Parameters:
    ///   - entries: floats, in any order.
    ///   - isHalf: whether to round values to float16; else they keep their types.
    package init(
        _ checkpoint: Checkpoint, entries: [Entry], arguments: ModelArguments, isHalf: Bool
    ) {
        self.checkpoint = checkpoint
        self.entries = entries.sorted { $0.tensor.name < $1.tensor.name }
        self.arguments = arguments
        self.isHalf = isHalf
    }

    /// Writes the file: under a temporary name beside it, which is renamed once it is complete.
    ///
    /// - Throws: ``WeightsError/fileUnwritable(path:reason:)``,
    ///   ``WeightsError/notStorable(path:tensor:value:type:)``,
    ///   ``WeightsError/metadataInvalid(path:key:problem:)``.
    package func write(to path: String) throws {
        let header = try header()
        let temporary = "\(path).\(ProcessInfo.processInfo.processIdentifier).partial"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw unwritable(path) }
        do {
            defer { close(descriptor) }
            try write(header, to: descriptor, path)
            for entry in entries {
                try write(values(entry.tensor), to: descriptor, path)
            }
            guard fsync(descriptor) == 0 else { throw unwritable(path) }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let error = unwritable(path)
            unlink(temporary)
            throw error
        }
    }

    // MARK: - Pieces

    private func type(_ tensor: StoredTensor) -> ElementType {
        isHalf ? .float16 : tensor.elementType
    }

    private func header() throws -> [UInt8] {
        var members: [String: ArgumentValue] = [:]
        members["__metadata__"] = .object([
            "klass": .string(arguments.className),
            "args": .string(try json(.array(arguments.positional), "args")),
            "kwargs": .string(try json(.object(arguments.keyword), "kwargs")),
        ])
        var begin = 0
        for entry in entries {
            let end = begin + entry.tensor.count * type(entry.tensor).bits / 8
            members[entry.tensor.name] = .object([
                "dtype": .string(type(entry.tensor).rawValue),
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
                problem: "an infinite number, which the format has no text for")
        }
        return json
    }

    private func values(_ tensor: StoredTensor) throws -> [UInt8] {
        guard isHalf, tensor.elementType != .float16 else {
            return checkpoint.withBytes(of: tensor) { Array($0) }
        }
        let floats = try checkpoint.floats(tensor)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * floats.count)
        for value in floats {
            let half = Narrowing.half(value)
            guard half & 0x7FFF != 0x7C00 || value.isInfinite else {
                throw WeightsError.notStorable(
                    path: checkpoint.path, tensor: tensor.name, value: value, type: .float16)
            }
            bytes.append(UInt8(truncatingIfNeeded: half))
            bytes.append(UInt8(truncatingIfNeeded: half >> 8))
        }
        return bytes
    }

    private func write(_ bytes: [UInt8], to descriptor: Int32, _ path: String) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress, $0.count)
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw unwritable(path) }
            rest = rest.dropFirst(written)
        }
    }

    private func unwritable(_ path: String) -> WeightsError {
        .fileUnwritable(path: path, reason: String(cString: strerror(errno)))
    }
}
