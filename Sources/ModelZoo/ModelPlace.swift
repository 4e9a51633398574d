// A folder in which models are looked for by name.

import Foundation

/// One place of the search.
struct ModelPlace: Sendable, Equatable {
    let folder: String

    /// What checkpoints may be called, the formats that keep all about a model first.
    static let extensions = ["safetensors", "th", "bin", "onnx"]

    /// The bag of that name.
    func bag(_ name: String) -> String? {
        let path = "\(folder)/\(name).yaml"
        return FileSystem.isFile(path) ? path : nil
    }

    /// The checkpoint of that name or signature: `<signature>.<extension>`, or with the first
    /// digits of its checksum, `<signature>-8726e21a.th`.
    func checkpoint(_ signature: String) -> String? {
        for ending in ModelPlace.extensions {
            let path = "\(folder)/\(signature).\(ending)"
            if FileSystem.isFile(path) { return path }
        }
        let name = FileSystem.names(in: folder).first {
            ModelPlace.torchName($0)?.signature == signature
        }
        return name.map { "\(folder)/\($0)" }
    }

    /// The parts of `<signature>-<checksum>.th`.
    static func torchName(_ name: String) -> (signature: String, checksum: String)? {
        guard name.hasSuffix(".th"), let dash = name.lastIndex(of: "-") else { return nil }
        let checksum = name[name.index(after: dash)...].dropLast(".th".count)
        guard (8...64).contains(checksum.count),
            checksum.allSatisfy({ $0.isASCII && $0.isHexDigit })
        else { return nil }
        return (String(name[..<dash]), checksum.lowercased())
    }
}
