// The files of chunks: DIR/chunk-00000/input.raw and so on.

import Foundation

/// Names of the core's inputs and outputs, those of ONNX exports.
package enum CoreTensor {
    package static let input = "input"
    package static let x = "x"
    package static let output = "output"
    package static let waveform = "add_67"
}

/// A folder of chunks, our own or of the same layout from another runtime.
package struct ChunkFolder: Sendable {
    package let path: String

    package init(_ path: String) {
        self.path = path
    }

    /// `chunk-00000`.
    package static func name(_ index: Int) -> String {
        let digits = "\(index)"
        return "chunk-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }

    package func folder(_ index: Int) -> String {
        (path as NSString).appendingPathComponent(Self.name(index))
    }

    package func file(_ tensor: String, _ index: Int, _ container: TensorEncoding.Container)
        -> String
    {
        (folder(index) as NSString).appendingPathComponent("\(tensor).\(container.rawValue)")
    }

    /// The file of a tensor in any container.
    ///
    /// - Throws: ``PortingError/fileMissing(path:expected:)``, which names the file in `preferred`;
    ///   ``PortingError/ambiguous(path:tensor:files:)``.
    func existingFile(
        _ tensor: String, _ index: Int, preferred: TensorEncoding.Container, expected: String
    ) throws(PortingError) -> String {
        let files = TensorEncoding.Container.allCases.map { file(tensor, index, $0) }
            .filter(FileManager.default.fileExists(atPath:))
        guard let first = files.first else {
            throw .fileMissing(path: file(tensor, index, preferred), expected: expected)
        }
        if files.count > 1 {
            throw .ambiguous(
                path: folder(index), tensor: tensor,
                files: files.map { ($0 as NSString).lastPathComponent })
        }
        return first
    }

    static func make(_ path: String) throws(PortingError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true)
        } catch {
            throw .unwritable(path: path, reason: TensorFile.reason(error))
        }
    }
}
