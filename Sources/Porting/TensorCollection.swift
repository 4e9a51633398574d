// Named tensors for `compare`: from files of tensors, folders of tensors, or folders of stems.

import Audio
import System
import Tracks
import WeightsLoader

/// Named tensors in a file or a folder, read on demand.
///
/// Names in a folder are relative paths without the extension: `chunk-00003/output`, `drums`.
/// Tensors in a safetensors file have their own names; in a folder they follow the file's name,
/// unless the file has only one tensor, which is named like the file. Raw files get their shapes
/// from the description of their chunks, or from the tensor that they are compared with.
package struct TensorCollection {
    package let path: String
    private var entries: [String: Entry] = [:]
    /// The orders of axes that differ from those of the tensors that these are compared with.
    var orders: [String: AxisOrder] = [:]

    private enum Entry {
        case stored(Checkpoint, StoredTensor)
        case npy(String)
        /// An array in a part of an `.npz` file.
        case packed(FileBytes, Range<Int>, path: String)
        case raw(String, ChunkDescription?)
        case sound(String)

        /// The file's path, for messages.
        var file: String {
            switch self {
            case .stored(let checkpoint, _): checkpoint.path
            case .npy(let path), .packed(_, _, let path), .raw(let path, _), .sound(let path): path
            }
        }
    }

    /// Deepest folder that is read: enough for folders of tracks with folders of chunks.
    private static let depthLimit = 4

    package var names: [String] { entries.keys.sorted() }

    func has(_ name: String) -> Bool { entries[name] != nil }

    /// The tensors whose names fit.
    func filtered(_ fits: (String) -> Bool) -> TensorCollection {
        var found = self
        found.entries = entries.filter { fits($0.key) }
        return found
    }

    /// The name and the SHA-256 of the model whose values a trace has; nil for other tensors.
    package private(set) var model: (name: String, checksum: String)?

    /// - Throws: ``PortingError``.
    package init(_ path: String) throws(PortingError) {
        self.path = path
        guard FilePath.status(path) != nil else {
            throw .missing(
                path, expected: "a file of tensors, a folder of them or a folder of stems")
        }
        if FilePath.isFolder(path) {
            let above = FilePath.parent(of: path)
            try add(
                folder: path, prefix: "",
                description: Self.description(in: path) ?? Self.description(in: above), depth: 0)
        } else {
            try add(file: path, prefix: "", description: Self.description(above: path))
        }
        if entries.isEmpty {
            throw .unusable(
                path: path,
                problem: "contains neither tensors (.safetensors, .npy, .npz, .raw) nor sound files"
            )
        }
    }

    // MARK: - Values

    /// The tensor with a name.
    ///
    /// - Parameter other: the collection that gives the shape of a raw file without a description.
    /// - Throws: ``PortingError``, `AudioError`.
    package func tensor(_ name: String, like other: TensorCollection) throws -> NamedTensor {
        let stored = try stored(name, like: other)
        return orders[name]?.restored(stored) ?? stored
    }

    /// The tensor with a name, in the order of its file.
    private func stored(_ name: String, like other: TensorCollection) throws -> NamedTensor {
        switch entries[name] {
        case .stored(let checkpoint, let stored):
            return NamedTensor(name, stored.shape, try TensorFile.floats(checkpoint, stored))
        case .npy, .packed:
            let array = try array(name)
            return try array.tensor(name, shape: array.shape)
        case .raw(let path, let description):
            return try raw(name, path, description, like: other)
        case .sound(let path):
            let audio = try AudioFile.read(path).buffer
            return NamedTensor(
                name, [audio.channelCount, audio.sampleCount], Array(audio.channels.joined()))
        case nil:
            throw PortingError.tensorMissing(path, name, found: names)
        }
    }

    /// The shape of the tensor with a name; empty for a raw file without a description.
    func shape(_ name: String) throws -> [Int] {
        if let order = orders[name] { return order.shape }
        return switch entries[name] {
        case .stored(_, let stored): stored.shape
        case .raw(_, let description): description?.shape(of: name) ?? []
        case .npy, .packed: try array(name).shape
        case .sound: try stored(name, like: self).shape
        case nil: []
        }
    }

    /// The file that NumPy reads a tensor from as it is; nil if there is none.
    func file(ofArray name: String) throws(PortingError) -> String? {
        guard orders[name] == nil, case .npy(let path) = entries[name],
            try array(name).element != .bfloat16
        else { return nil }
        return FilePath.absolute(path)
    }

    /// The array with a name.
    private func array(_ name: String) throws(PortingError) -> NPY {
        switch entries[name] {
        case .npy(let path): try NPY(path, expected: "an array")
        case .packed(let bytes, let part, let path):
            try NPY(bytes, part, path: "\(path), \(name).npy")
        default: throw .tensorMissing(path, name, found: names)
        }
    }

    private func raw(
        _ name: String, _ path: String, _ description: ChunkDescription?,
        like other: TensorCollection
    ) throws -> NamedTensor {
        let own = try shape(name)
        let shape = try own.isEmpty ? other.shape(name) : own
        guard !shape.isEmpty else {
            throw PortingError.unusable(
                path: path,
                problem: "is a raw file of unknown shape: it is in no manifest, and the other side "
                    + "has no shape for it")
        }
        // Outputs may have another element type than the inputs in the description.
        let isFloat16 =
            FilePath.countBytes(path) == shape.reduce(1, *) * TensorEncoding.Element.float16.bytes
        return try TensorFile.read(
            path, name: name, shape: shape, element: isFloat16 ? .float16 : .float32,
            isFinite: false)
    }

    // MARK: - Files

    private mutating func add(
        folder: String, prefix: String, description: ChunkDescription?, depth: Int
    ) throws(PortingError) {
        let names: [String]
        do {
            names = try FilePath.names(in: folder)
        } catch {
            throw .unreadable(folder, "\(error)")
        }
        for name in names.sorted() where !name.hasPrefix(".") {
            let inner = FilePath.joined(folder, name)
            if FilePath.isFile(inner) {
                try add(file: inner, prefix: prefix, description: description)
            } else if FilePath.isFolder(inner), depth < Self.depthLimit {
                try add(
                    folder: inner, prefix: "\(prefix)\(name)/",
                    description: Self.description(in: inner) ?? description, depth: depth + 1)
            }
        }
    }

    private mutating func add(
        file: String, prefix: String, description: ChunkDescription?
    ) throws(PortingError) {
        let stem = FilePath.stem(of: file)
        /// What comes before the names of a file's tensors: nothing if the collection is this file, or
        /// if its only tensor is named like it.
        func inner(_ names: [String]) -> String {
            names == [stem] || file == path ? prefix : "\(prefix)\(stem)/"
        }
        switch FilePath.pathExtension(of: file).lowercased() {
        case "safetensors":
            let checkpoint = try TensorFile.open(file)
            if let name = checkpoint.metadata["model"],
                let checksum = checkpoint.metadata["model_sha256"]
            {
                model = (name, checksum)
            }
            let inner = inner(checkpoint.tensors.map(\.name))
            for stored in checkpoint.tensors {
                try insert(.stored(checkpoint, stored), inner + stored.name)
            }
        case "npy": try insert(.npy(file), prefix + stem)
        case "npz":
            let bytes = try TensorFile.map(file, expected: "arrays")
            var found: [ZipArchive.Entry] = []
            do throws(FormatFailure) {
                found = try ZipArchive(bytes).entries.values.filter { $0.name.hasSuffix(".npy") }
            } catch .damaged(let problem, _) {
                throw .unusable(path: file, problem: problem.printable())
            } catch {
                throw .unusable(path: file, problem: "is no .npz file")
            }
            let names = found.map { String($0.name.dropLast(4)) }
            for (entry, name) in zip(found, names) {
                try insert(.packed(bytes, entry.byteRange, path: file), inner(names) + name)
            }
        case "raw": try insert(.raw(file, description), prefix + stem)
        case let ending where AudioFileType.decoded.contains(ending):
            try insert(.sound(file), prefix + stem)
        default: break
        }
    }

    private mutating func insert(_ entry: Entry, _ name: String) throws(PortingError) {
        if let other = entries.updateValue(entry, forKey: name) {
            throw .ambiguous(path, name, files: [other.file, entry.file])
        }
    }

    private static func description(in folder: String) -> ChunkDescription? {
        try? ChunkDescription(folder: folder)
    }

    /// The description of a file's chunk.
    private static func description(above file: String) -> ChunkDescription? {
        let folder = FilePath.folder(of: file)
        return description(in: folder) ?? description(in: FilePath.parent(of: folder))
    }
}

// MARK: - Names in another spelling

extension TensorCollection {
    /// The same tensors under the names of another collection, where they differ from these by
    /// separators (`encoder_0`, `encoder/0`) or by a prefix that all names share (`net.encoder.0`).
    ///
    /// - Returns: the collection, and its own names by the other collection's.
    func respelled(like other: TensorCollection) -> (
        found: TensorCollection, renamed: [String: String]
    ) {
        var byWords: [[Substring]: [String]] = [:]
        for name in other.names where !has(name) {
            byWords[Self.words(name), default: []].append(name)
        }
        // Ours and theirs, by what stands before our name; a name that two fit is none.
        var matches: [[Substring]: [String: [String]]] = [:]
        for name in names where !other.has(name) {
            let words = Self.words(name)
            for count in 0..<min(words.count, Self.mostWordsBefore) {
                if let ours = byWords[Array(words.dropFirst(count))], ours.count == 1 {
                    matches[Array(words.prefix(count)), default: [:]][ours[0], default: []].append(
                        name)
                }
            }
        }
        let clear = matches.mapValues { $0.filter { $0.value.count == 1 }.mapValues { $0[0] } }
        // A prefix is one that most names have: others are values of another kind.
        let equal = names.count(where: other.has)
        let largest = clear.filter { !$0.key.isEmpty }.map(\.value.count).max() ?? 0
        let prefixed = clear.filter { !$0.key.isEmpty && $0.value.count == largest }
        let plain = clear[[]] ?? [:]
        let hasPrefix = prefixed.count == 1 && largest > max(equal, plain.count)
        let renamed = hasPrefix ? prefixed.first?.value ?? [:] : plain
        var found = self
        for (ours, theirs) in renamed {
            found.entries[ours] = found.entries.removeValue(forKey: theirs)
        }
        return (found, renamed)
    }

    private static let mostWordsBefore = 5

    private static func words(_ name: String) -> [Substring] {
        name.split { "./_:".contains($0) }
    }
}

extension ChunkDescription {
    /// The shape of an input or output of the core, by the last part of its name.
    func shape(of name: String) -> [Int]? {
        let tensor = FilePath.name(of: name)
        return (inputs + outputs).first { $0.name == tensor }?.shape
    }
}
