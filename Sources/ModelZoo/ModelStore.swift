import System

/// Finds published and local models by name on this machine. The module `ModelDownloads` fetches
/// missing ones.
///
/// Names with a `+` between them are several models whose stems are averaged. A name is searched for
/// 1. as a path: a checkpoint, or the `.yaml` file of a bag or of a checkpoint with its name;
/// 2. in the repository folder given here, if any;
/// 3. in the folders of `SWIFT_DEMUCS_MODELS`, separated by colons;
/// 4. in the Hugging Face cache (`HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`);
/// 5. among torch hub's checkpoints (`TORCH_HOME`, `XDG_CACHE_HOME`);
/// 6. in this package's own cache (`XDG_CACHE_HOME`), to which missing files are fetched;
/// 7. among the models that are installed with the program.
public struct ModelStore: Sendable {
    package let environment: [String: String]
    package let caches: CacheFolders
    /// The repository folder and the folders of SWIFT_DEMUCS_MODELS.
    let userFolders: [String]
    let bundledFolders: [String]
    /// Nil if fetching is enabled.
    package var offlineReason: OfflineReason?

    /// - Parameters:
    ///   - repository: a folder of models that is searched first.
    ///   - isOffline: never fetch; `HF_HUB_OFFLINE=1` does the same.
    ///   - bundledFolders: folders that are searched last.
    ///   - environment: variables of the environment; `nil` for the process's own.
    /// - Throws: ``ModelStoreError/repositoryMissing(path:)``.
    public init(
        repository: String? = nil, isOffline: Bool = false, bundledFolders: [String] = [],
        environment: [String: String]? = nil
    ) throws {
        let environment = environment ?? ModelStore.processEnvironment
        if let repository, !FilePath.isFolder(repository) {
            throw ModelStoreError.repositoryMissing(path: repository)
        }
        self.environment = environment
        self.bundledFolders = bundledFolders
        caches = CacheFolders(environment: environment)
        let listed = (environment["SWIFT_DEMUCS_MODELS"] ?? "").split(separator: ":")
        userFolders = (repository.map { [$0] } ?? []) + listed.map(String.init)
        // The values that huggingface_hub treats as true.
        let flag = (environment["HF_HUB_OFFLINE"] ?? "").uppercased()
        offlineReason =
            isOffline
            ? .requested : ["1", "ON", "YES", "TRUE"].contains(flag) ? .environment : nil
    }

    /// The variables of the process that affect finding and fetching.
    private static var processEnvironment: [String: String] {
        let names = [
            "HOME", "XDG_CACHE_HOME", "HF_HUB_CACHE", "HF_HOME", "TORCH_HOME",
            "SWIFT_DEMUCS_MODELS", "HF_HUB_OFFLINE", "HF_ENDPOINT",
        ]
        return names.reduce(into: [:]) { $0[$1] = getenv($1).map { String(cString: $0) } }
    }

    /// The model's files, if all of them are on this machine.
    ///
    /// - Throws: ``ModelStoreError`` if a file is missing; ``BagError``, ``YAMLFileError`` and
    ///   `WeightsError` if a bag's file can't be used.
    public func find(_ name: String) throws -> ModelFiles {
        try mix(name, finding: findOne)
    }

    /// The models of a name, each found on its own.
    package func mix(
        _ name: String, finding find: (String) throws -> ModelFiles
    ) rethrows -> ModelFiles {
        try ModelFiles(
            averaging: ModelName.parts(of: name, isFile: FilePath.isFile).map(find))
    }

    /// The model of a name that is not divided.
    package func findOne(_ name: String) throws -> ModelFiles {
        switch try ModelName(name, isFile: FilePath.isFile) {
        case .path(let path): return try files(at: path)
        case .hub(let repository):
            var files = try files(named: repository.model, as: name, in: hubFolders(repository))
            files.resultsName = String(name.dropFirst(ModelName.hubScheme.count))
            return files
        case .name(let model): return try files(named: model, as: name, in: folders(for: model))
        }
    }

    /// A checkpoint; a bag whose checkpoints lie beside its file or in any searched folder; or the
    /// checkpoint beside its YAML file.
    private func files(at path: String) throws -> ModelFiles {
        guard ["yaml", "yml"].contains(FilePath.pathExtension(of: path).lowercased()) else {
            return ModelFiles(checkpoint: path)
        }
        let (folder, stem) = (FilePath.folder(of: path), FilePath.stem(of: path))
        let file = try YAMLFile.read(path)
        if file.describesModel {
            guard let checkpoint = checkpoint(stem, in: folder) else {
                throw ModelStoreError.notFound(name: path, folders: [folder], missing: [stem])
            }
            var files = ModelFiles(name: stem, checkpoints: [checkpoint])
            files.configuration = ConfigurationFile(file)
            return files
        }
        let bag = try BagFile(file)
        let (checkpoints, missing) = checkpoints(of: bag, beside: folder)
        guard missing.isEmpty else {
            throw ModelStoreError.notFound(name: path, folders: [folder], missing: missing)
        }
        return ModelFiles(name: stem, bag: bag, at: path, checkpoints: checkpoints)
    }

    /// The files in the first folder with the model: as a bag, as a checkpoint, or as a published
    /// model's checkpoints without the bag's file.
    private func files(
        named model: String, as name: String, in folders: [String]
    ) throws -> ModelFiles {
        var missing: [String] = []
        for folder in folders {
            let path = "\(folder)/\(model).yaml"
            let file = FilePath.isFile(path) ? try YAMLFile.read(path) : nil
            var bag = file?.describesModel ?? true ? nil : try file.map(BagFile.init)
            if bag == nil, let checkpoint = checkpoint(model, in: folder) {
                var files = ModelFiles(name: model, checkpoints: [checkpoint])
                files.configuration = file.map(ConfigurationFile.init)
                return files
            }
            if bag == nil, let published = PublishedModel.named(model)?.bag,
                published.signatures.contains(where: { checkpoint($0, in: folder) != nil })
            {
                bag = published
            }
            guard let bag else { continue }
            let found = checkpoints(of: bag, beside: folder)
            if found.missing.isEmpty {
                return ModelFiles(
                    name: model, bag: bag, at: file?.path, checkpoints: found.paths)
            }
            if missing.isEmpty { missing = found.missing }
        }
        if PublishedModel.isPacked(model) { throw ModelStoreError.packed(name: name) }
        throw ModelStoreError.notFound(name: name, folders: folders, missing: missing)
    }

    /// A bag's checkpoints, in the folder of its file or else in any searched folder.
    package func checkpoints(
        of bag: BagFile, beside folder: String
    ) -> (paths: [String], missing: [String]) {
        var paths: [String] = []
        var missing: [String] = []
        for signature in bag.signatures {
            if let path = checkpoint(signature, in: folder) ?? checkpoint(signature) {
                paths.append(path)
            } else {
                missing.append(signature)
            }
        }
        return (paths, missing)
    }

    /// The checkpoint with a signature, in any searched folder.
    package func checkpoint(_ signature: String) -> String? {
        for folder in folders(for: signature) {
            if let path = checkpoint(signature, in: folder) { return path }
        }
        return nil
    }

    /// The checkpoint with a name or signature in a folder: `<signature>.<extension>`, or with the
    /// first digits of its checksum, `<signature>-8726e21a.th`.
    private func checkpoint(_ signature: String, in folder: String) -> String? {
        let plain = ModelStore.extensions.lazy.map { "\(folder)/\(signature).\($0)" }
        if let path = plain.first(where: FilePath.isFile) { return path }
        return FilePath.entries(of: folder)
            .first { ModelStore.torchName($0)?.signature == signature }.map { "\(folder)/\($0)" }
    }

    /// Extensions of checkpoints; formats that store all of a model's configuration come first.
    static let extensions = ["safetensors", "th", "ckpt", "bin", "onnx"]

    /// Splits `<signature>-<checksum>.th` into its parts.
    package static func torchName(_ name: String) -> (signature: String, checksum: String)? {
        guard name.hasSuffix(".th"), let dash = name.lastIndex(of: "-") else { return nil }
        let checksum = name[name.index(after: dash)...].dropLast(".th".count)
        guard (8...64).contains(checksum.count),
            checksum.allSatisfy({ $0.isASCII && $0.isHexDigit })
        else { return nil }
        return (String(name[..<dash]), checksum.lowercased())
    }

    /// All folders in the order of the search, for the name of a model or of a checkpoint.
    private func folders(for name: String) -> [String] {
        let model = PublishedModel.member(name)?.model.name ?? name
        let hub = hubFolders(HubRepository(model: model))
        return userFolders + hub.dropLast() + [caches.torchCheckpoints] + hub.suffix(1)
            + [caches.ownCheckpoints] + bundledFolders
    }

    /// The folders of a hub repository: in the hub's cache, if it is there, and in this package's
    /// cache.
    private func hubFolders(_ repository: HubRepository) -> [String] {
        [caches.snapshot(of: repository), caches.own(repository)].compactMap { $0 }
    }
}
