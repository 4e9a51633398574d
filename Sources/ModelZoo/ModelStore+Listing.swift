// What is on this machine, and whether its bytes are right.

import Files
import Foundation
import WeightsLoader

extension ModelStore {
    /// A published model and what of it is here.
    package struct Listing: Sendable {
        package let model: KnownModel
        /// Its checkpoints, in the order of the bag; empty unless all are here.
        package let paths: [String]
        /// Size of these files.
        package let countBytes: Int
    }

    /// All published models.
    ///
    /// - Throws: ``BagError`` and ``WeightsError`` if a bag's file can't be used.
    package func listings() throws -> [Listing] {
        try KnownModel.all.map { model in
            var paths: [String] = []
            do {
                paths = try find(model.name).members
            } catch ModelStoreError.notFound {}
            return Listing(
                model: model, paths: paths,
                countBytes: paths.reduce(0) { $0 + FileSystem.countBytes($1) })
        }
    }

    /// Checkpoints of published models wherever they are, and all in our own cache; sorted.
    ///
    /// - Throws: as ``listings()``.
    package func installedCheckpoints() throws -> [String] {
        var paths = Set(try listings().flatMap(\.paths))
        let own = FileManager.default.enumerator(atPath: caches.own)
        while let name = own?.nextObject() as? String {
            if [".safetensors", ".th"].contains(where: name.hasSuffix) {
                paths.insert("\(caches.own)/\(name)")
            }
        }
        return paths.filter(FileSystem.isFile).sorted()
    }

    /// Names that a folder gives to its models: of bags, and of single checkpoints; sorted.
    package func names(in folder: String) -> (bags: [String], checkpoints: [String]) {
        let files = FileSystem.names(in: folder).filter { FileSystem.isFile("\(folder)/\($0)") }
        let bags = files.filter { ($0 as NSString).pathExtension == "yaml" }
        let checkpoints = files.compactMap { file -> String? in
            guard ModelPlace.extensions.contains((file as NSString).pathExtension) else {
                return nil
            }
            return ModelPlace.torchName(file)?.signature ?? ModelFiles.stem(of: file)
        }
        return (bags.map(ModelFiles.stem), Set(checkpoints).sorted())
    }

    /// What comparing a file with its checksum gave.
    package enum Verification: Sendable, Equatable {
        /// The bytes are those that were published, or those of the first download.
        case intact
        case damaged(found: String, expected: String)
        /// Nothing says what the file should hold.
        case unknown
    }

    /// Computes a file's SHA-256 and compares it with what is known of it.
    ///
    /// - Throws: ``WeightsError`` if it can't be read, `CancellationError`.
    package func verify(
        _ path: String, isCancelled: () -> Bool = { false }
    ) throws -> Verification {
        guard let expected = ModelStore.checksum(of: path) else { return .unknown }
        guard let file = FileHandle(forReadingAtPath: path) else {
            throw WeightsError.fileUnreadable(
                path: path, reason: String(cString: strerror(errno)))
        }
        defer { try? file.close() }
        let found = try SHA256.hexadecimal(of: file, isCancelled: isCancelled)
        return found.hasPrefix(expected) ? .intact : .damaged(found: found, expected: expected)
    }

    /// What a file's SHA-256 has to begin with: by the zoo, by the end of a `.th` file's name, by
    /// the record of its download, or by the name of its blob in the Hugging Face cache.
    static func checksum(of path: String) -> String? {
        let name = (path as NSString).lastPathComponent
        if let (signature, prefix) = ModelPlace.torchName(name) {
            let known = KnownModel.checkpoint(signature)?.checkpoint
            return known?.checksumPrefix == prefix ? known?.torchChecksum : prefix
        }
        if let sum = FileOrigin(recordAt: FileOrigin.recordPath(of: path))?.sha256,
            ReplyHead.isChecksum(sum)
        {
            return sum.lowercased()
        }
        let blob = URL(fileURLWithPath: path).resolvingSymlinksInPath().lastPathComponent
        return ReplyHead.isChecksum(blob) ? blob.lowercased() : nil
    }
}
