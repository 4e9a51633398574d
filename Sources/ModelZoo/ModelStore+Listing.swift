// The models on this machine, and checks of their bytes.

import Files
import Foundation
import WeightsLoader

extension ModelStore {
    /// A published model and its files on this machine.
    package struct Listing: Sendable {
        package let model: PublishedModel
        /// Its checkpoints, in the order of the bag; empty unless all are on this machine.
        package let paths: [String]
        /// Size of these files.
        package let countBytes: Int
    }

    /// All published models.
    ///
    /// - Throws: ``BagError`` and ``WeightsError`` if a bag's file can't be used.
    package func listings() throws -> [Listing] {
        try PublishedModel.all.map { model in
            var paths: [String] = []
            do {
                paths = try find(model.name).checkpoints
            } catch ModelStoreError.notFound {}
            return Listing(
                model: model, paths: paths,
                countBytes: paths.reduce(0) { $0 + FilePath.countBytes($1) })
        }
    }

    /// Checkpoints of published models in any searched folder, and all checkpoints in this package's
    /// cache; sorted.
    ///
    /// - Throws: ``BagError`` and ``WeightsError`` if a bag's file can't be used.
    package func installedCheckpoints() throws -> [String] {
        var paths = Set(try listings().flatMap(\.paths))
        let own = FileManager.default.enumerator(atPath: caches.own)
        while let name = own?.nextObject() as? String {
            if [".safetensors", ".th"].contains(where: name.hasSuffix) {
                paths.insert("\(caches.own)/\(name)")
            }
        }
        return paths.filter(FilePath.isFile).sorted()
    }

    /// This package's own cache.
    package var ownCache: String { caches.own }

    /// The names of the bags and of the single checkpoints in a folder; sorted.
    package func names(in folder: String) -> (bags: [String], checkpoints: [String]) {
        let files = FilePath.entries(of: folder).filter { FilePath.isFile("\(folder)/\($0)") }
        let bags = files.filter { FilePath.pathExtension(of: $0) == "yaml" }
        let checkpoints = files.compactMap { file -> String? in
            guard ModelStore.extensions.contains(FilePath.pathExtension(of: file)) else {
                return nil
            }
            return ModelStore.torchName(file)?.signature ?? FilePath.stem(of: file)
        }
        return (bags.map(FilePath.stem), Set(checkpoints).sorted())
    }

    /// The result of comparing a file with its checksum.
    package enum Verification: Sendable, Equatable {
        /// The bytes are the published ones, or those of the first download.
        case intact
        case damaged(found: String, expected: String)
        /// No checksum of the file is known.
        case unknown
    }

    /// Computes a file's SHA-256 and compares it with the known one.
    ///
    /// - Throws: ``WeightsError`` if it can't be read, `CancellationError`.
    package func verify(
        _ path: String, isCancelled: () -> Bool = { false }
    ) throws -> Verification {
        guard let expected = ModelStore.checksum(of: path) else { return .unknown }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw WeightsError.fileUnreadable(path: path, reason: "\(SystemError.last)")
        }
        defer { try? file.close() }
        let found = try SHA256.hexadecimal(of: file.fileDescriptor, isCancelled: isCancelled)
        return found.hasPrefix(expected) ? .intact : .damaged(found: found, expected: expected)
    }

    /// The known first digits of a file's SHA-256: from the table of published models, the end of a
    /// `.th` file's name, the record of its download, or the name of its blob in the Hugging Face
    /// cache.
    static func checksum(of path: String) -> String? {
        if let (signature, prefix) = torchName(FilePath.name(of: path)) {
            let published = PublishedModel.member(signature)?.member.checksum
            return published.flatMap { $0.prefix(8) == prefix ? $0 : nil } ?? prefix
        }
        if let sum = FileOrigin(of: path)?.sha256,
            ReplyHead.isChecksum(sum)
        {
            return sum.lowercased()
        }
        let blob = URL(fileURLWithPath: path).resolvingSymlinksInPath().lastPathComponent
        return ReplyHead.isChecksum(blob) ? blob.lowercased() : nil
    }
}
