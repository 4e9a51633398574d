// The models on this machine.

import System

extension ModelStore {
    /// A published model and its files on this machine.
    package struct Listing: Sendable {
        package let model: PublishedModel
        /// The model's checkpoints, in the order of the bag; empty unless all are on this machine.
        package let paths: [String]
        /// Size of the checkpoints in bytes.
        package let countBytes: Int

        /// The members of a model in a list for programs.
        package var json: JSONObject {
            [
                "name": model.name, "summary": model.summary, "sources": model.sources,
                "signatures": model.bag.signatures, "hubRepository": model.hub.identifier,
                "files": paths, "countBytes": countBytes,
                "downloadMegabytes": model.approximateMegabytes,
                "members": model.members.map(json), "weights": model.weights,
                "segmentSeconds": model.segmentSeconds,
            ]
        }

        /// The addresses of a checkpoint, and the known first digits of the `.th` file's SHA-256.
        private func json(of member: PublishedModel.Member) -> JSONObject {
            [
                "signature": member.signature,
                "hubAddress": model.hub.address(of: HubRepository.file(of: member.signature)),
                "torchAddress": member.torchAddress, "torchChecksum": member.checksum,
            ]
        }
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
        let extensions = ["safetensors", "th", "ckpt"]
        // The deepest files are `hub/<namespace>/<repository>/<file>`.
        for path in ModelStore.files(below: caches.own, depth: 4)
        where extensions.contains(FilePath.pathExtension(of: path)) { paths.insert(path) }
        return paths.filter(FilePath.isFile).sorted()
    }

    private static func files(below folder: String, depth: Int) -> [String] {
        FilePath.entries(of: folder).flatMap { name in
            let path = "\(folder)/\(name)"
            guard FilePath.isFolder(path) else { return [path] }
            return depth > 1 ? files(below: path, depth: depth - 1) : []
        }
    }

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
}
