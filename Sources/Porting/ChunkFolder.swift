// The files of chunks: DIR/chunk-00000/input.raw and so on.

import System

/// Names of the core's inputs and outputs, as in ONNX exports.
package enum CoreTensor {
    package static let input = "input"
    package static let x = "x"
    package static let output = "output"
    package static let waveform = "add_67"
}

/// A folder of chunks, written by this engine or in the same layout by another runtime.
package struct ChunkFolder: Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// The name of a chunk's folder, `chunk-00000`.
    package static func name(_ index: Int) -> String {
        "chunk-\(index.zeroPadded(5))"
    }

    package func folder(_ index: Int) -> String { FilePath.joined(path, Self.name(index)) }

    package func file(
        _ tensor: String, _ index: Int, _ container: TensorEncoding.Container
    ) -> String {
        FilePath.joined(folder(index), "\(tensor).\(container.rawValue)")
    }

    /// The existing file of a tensor, in any container.
    ///
    /// - Throws: ``PortingError`` if there is no file (the error has the path with `preferred`), or
    ///   files in several containers.
    func existingFile(
        _ tensor: String, _ index: Int, preferred: TensorEncoding.Container, expected: String
    ) throws(PortingError) -> String {
        let files = TensorEncoding.Container.allCases.map { file(tensor, index, $0) }
            .filter { FilePath.status($0) != nil }
        guard let first = files.first else {
            throw .missing(file(tensor, index, preferred), expected: expected)
        }
        if files.count > 1 {
            throw .ambiguous(folder(index), tensor, files: files)
        }
        return first
    }

    static func make(_ path: String) throws(PortingError) {
        do {
            try FilePath.makeFolder(path)
        } catch {
            throw .unwritable(path, "\(error)")
        }
    }
}

extension PortingError {
    /// The error for several files of one tensor, such as `drums.npy` and `drums.raw`.
    static func ambiguous(_ path: String, _ tensor: String, files: [String]) -> PortingError {
        let names = files.map(FilePath.name(of:)).joined(separator: " and ")
        return .unusable(
            path: path, problem: "'\(tensor)' exists as \(names); keep one of them")
    }
}
