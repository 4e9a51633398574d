// From a model's name to its files: where they are looked for, and in what order.

import Foundation

/// Finds published and local models by name on this machine, and fetches those that are missing.
///
/// ```swift
/// let files = try await ModelStore().model(named: modelName) { event in print(event) }
/// let separator = try await Separator.load(files)
/// ```
///
/// A name is looked for
/// 1. as a path: a checkpoint, or a bag's `.yaml` file;
/// 2. in the repository folder given here, if any;
/// 3. in the folders of `SWIFT_DEMUCS_MODELS`, separated by colons;
/// 4. in the Hugging Face cache (`HF_HUB_CACHE`, `HF_HOME`, `XDG_CACHE_HOME`);
/// 5. among torch hub's checkpoints (`TORCH_HOME`, `XDG_CACHE_HOME`);
/// 6. in this package's own cache (`XDG_CACHE_HOME`), where fetched files go;
/// 7. among the models that came with the program.
public struct ModelStore: Sendable {
    /// How patient fetching is.
    public var policy = DownloadPolicy()

    let environment: [String: String]
    let caches: CacheFolders
    /// Where the user keeps models: the repository folder and SWIFT_DEMUCS_MODELS.
    private let userFolders: [String]
    private let bundledFolders: [String]
    /// What switched fetching off.
    let offlineReason: String?

    /// - Parameters:
    ///   - repository: a folder of models that is looked into first.
    ///   - isOffline: never fetch; `HF_HUB_OFFLINE=1` says the same.
    ///   - bundledFolders: folders that are looked into last.
    ///   - environment: variables to go by; the process's own by default.
    /// - Throws: ``ModelStoreError/repositoryMissing(path:)``.
    public init(
        repository: String? = nil, isOffline: Bool = false, bundledFolders: [String] = [],
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws {
        if let repository, !FileSystem.isFolder(repository) {
            throw ModelStoreError.repositoryMissing(path: repository)
        }
        self.environment = environment
        self.bundledFolders = bundledFolders
        caches = CacheFolders(environment: environment)
        let listed = (environment["SWIFT_DEMUCS_MODELS"] ?? "").split(separator: ":")
        userFolders = (repository.map { [$0] } ?? []) + listed.map(String.init)
        // huggingface_hub's own idea of what is true.
        let flag = (environment["HF_HUB_OFFLINE"] ?? "").uppercased()
        offlineReason =
            isOffline
            ? "--offline" : ["1", "ON", "YES", "TRUE"].contains(flag) ? "HF_HUB_OFFLINE" : nil
    }

    /// The model's files, if all of them are on this machine.
    ///
    /// - Throws: ``ModelStoreError`` if it is not there; ``BagError`` and ``WeightsError`` if a
    ///   bag's file can't be used.
    public func find(_ name: String) throws -> ModelFiles {
        switch try ModelName(name, isFile: FileSystem.isFile) {
        case .path(let path): return try files(at: path)
        case .hub(let repository):
            let places = hubPlaces(repository)
            return try files(named: repository.model, as: name, in: places)
        case .name(let model):
            return try files(named: model, as: name, in: places(of: model))
        }
    }

    /// A checkpoint, or a bag whose members lie beside it or anywhere else that is looked into.
    private func files(at path: String) throws -> ModelFiles {
        guard ["yaml", "yml"].contains((path as NSString).pathExtension.lowercased()) else {
            return ModelFiles(checkpoint: path)
        }
        let folder = (path as NSString).deletingLastPathComponent
        let beside = ModelPlace(folder: folder.isEmpty ? "." : folder)
        let bag = try Bag.read(path)
        let (members, missing) = members(of: bag, beside: beside)
        guard missing.isEmpty else {
            throw ModelStoreError.notFound(name: path, folders: [beside.folder], missing: missing)
        }
        return ModelFiles(name: ModelFiles.stem(of: path), bag: bag, members: members)
    }

    /// The first place that has the model: its bag, its checkpoint, or a published model's members.
    private func files(
        named model: String, as name: String, in places: [ModelPlace]
    ) throws -> ModelFiles {
        var missing: [String] = []
        for place in places {
            var bag = try place.bag(model).map { try Bag.read($0) }
            if bag == nil, let checkpoint = place.checkpoint(model) {
                return ModelFiles(name: model, members: [checkpoint])
            }
            if bag == nil, let known = KnownModel.named(model)?.bag,
                known.signatures.contains(where: { place.checkpoint($0) != nil })
            {
                bag = known
            }
            guard let bag else { continue }
            let found = members(of: bag, beside: place)
            if found.missing.isEmpty {
                return ModelFiles(name: model, bag: bag, members: found.paths)
            }
            if missing.isEmpty { missing = found.missing }
        }
        throw ModelStoreError.notFound(
            name: name, folders: places.map(\.folder), missing: missing)
    }

    /// A bag's checkpoints: beside its file, or else wherever they are.
    func members(of bag: Bag, beside place: ModelPlace) -> (paths: [String], missing: [String]) {
        var paths: [String] = []
        var missing: [String] = []
        for signature in bag.signatures {
            if let path = place.checkpoint(signature) ?? checkpoint(signature) {
                paths.append(path)
            } else {
                missing.append(signature)
            }
        }
        return (paths, missing)
    }

    /// A checkpoint by its signature, anywhere.
    func checkpoint(_ signature: String) -> String? {
        for place in places(of: signature) {
            if let path = place.checkpoint(signature) { return path }
        }
        return nil
    }

    /// All places in the order of the search, for the name of a model or of a checkpoint.
    func places(of name: String) -> [ModelPlace] {
        let model = KnownModel.checkpoint(name)?.model.name ?? name
        let hub = hubPlaces(HubRepository(model: model))
        return userFolders.map(ModelPlace.init)
            + hub.dropLast()
            + [ModelPlace(folder: caches.torchCheckpoints)]
            + hub.suffix(1)
            + [ModelPlace(folder: ownCheckpoints)]
            + bundledFolders.map(ModelPlace.init)
    }

    /// Where the files of a hub repository may be: in the hub's cache, and in our own.
    private func hubPlaces(_ repository: HubRepository) -> [ModelPlace] {
        let snapshot = HuggingFaceCache(hub: caches.huggingFaceHub).snapshot(of: repository)
        return ([snapshot].compactMap { $0 } + [ownFolder(of: repository)])
            .map(ModelPlace.init)
    }

    /// Where files of a hub repository go that are fetched.
    func ownFolder(of repository: HubRepository) -> String {
        "\(caches.own)/hub/\(repository.namespace)/\(repository.repository)"
    }

    /// This package's own cache.
    package var ownCache: String { caches.own }

    /// Where `.th` files go that are fetched.
    var ownCheckpoints: String { caches.own + "/checkpoints" }
}
