// A safetensors file of tensors that come one after the other, none of which is kept.

import Foundation

/// Writes tensors as they come; the file appears under its name when it is finished.
final class TraceWriter {
    private let path: String
    private let temporaryPath: String
    private let handle: FileHandle
    private var header: SafetensorsHeader
    private var isFinished = false
    private(set) var names: [String] = []

    /// The header stands before the tensors but is known after them: room for 2,000 of the longest
    /// names. What is left of it is spaces, which the format allows.
    private static let headerBytes = 1 << 18

    /// - Throws: ``PortingError/unwritable(path:reason:)``.
    init(_ path: String, metadata: [String: String]) throws(PortingError) {
        self.path = path
        temporaryPath = "\(path).\(ProcessInfo.processInfo.processIdentifier).partial"
        header = SafetensorsHeader(metadata: metadata)
        guard FileManager.default.createFile(atPath: temporaryPath, contents: nil),
            let handle = FileHandle(forWritingAtPath: temporaryPath)
        else {
            throw .unwritable(path: path, reason: String(cString: strerror(errno)))
        }
        self.handle = handle
        try write([UInt8](repeating: UInt8(ascii: " "), count: Self.headerBytes))
    }

    deinit {
        try? handle.close()
        if !isFinished { unlink(temporaryPath) }
    }

    func append(_ tensor: NamedTensor) throws(PortingError) {
        header.append(tensor.name, tensor.shape, .float32)
        names.append(tensor.name)
        try write(try TensorEncoding(.raw, .float32).bytes(tensor, path: path))
    }

    func finish() throws(PortingError) {
        guard let bytes = header.bytes(reserved: Self.headerBytes) else {
            throw .unwritable(
                path: path, reason: "the names of \(names.count) tensors don't fit its header")
        }
        do {
            try handle.seek(toOffset: 0)
        } catch {
            throw .unwritable(path: path, reason: TensorFile.reason(error))
        }
        try write(bytes)
        guard rename(temporaryPath, path) == 0 else {
            throw .unwritable(path: path, reason: String(cString: strerror(errno)))
        }
        isFinished = true
    }

    private func write(_ bytes: [UInt8]) throws(PortingError) {
        do {
            try handle.write(contentsOf: bytes)
        } catch {
            throw .unwritable(path: path, reason: TensorFile.reason(error))
        }
    }
}
