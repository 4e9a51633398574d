// Fetches models that are not on this machine: from the official repositories of the Hugging Face
// hub, or else as `.th` files from the address where the official package first published them.
// Reference: `get_hf_model` in demucs/hf.py, `_parse_remote_files` in demucs/pretrained.py.

import Demucs
import ModelZoo
import System
import WeightsLoader

extension ModelStore {
    /// The files of a model; missing files of a published model are fetched.
    ///
    /// - Parameters:
    ///   - name: a published name, a signature, `hf://…`, or the path of a checkpoint or a bag.
    ///   - policy: retries and waits of downloads.
    ///   - progress: called with each event of a download, on its own thread.
    /// - Throws: `ModelStoreError`; `BagError`, `YAMLFileError` and `WeightsError` if a bag's file
    ///   can't be used; `CancellationError`.
    public func model(
        named name: String, policy: DownloadPolicy = DownloadPolicy(),
        progress: @escaping @Sendable (DownloadEvent) -> Void = { _ in }
    ) async throws -> ModelFiles {
        try await onOwnThread { cancellation in
            try self.findOrFetch(
                name, policy: policy, report: progress, isCancelled: { cancellation.isCancelled })
        }
    }

    /// Limit far above any published checkpoint (168 MB in float32), far below a full disk.
    private static let checkpointLimitBytes = 4_000_000_000

    /// The model's files; missing files of a published model are fetched.
    ///
    /// Blocks until all files are complete. If several processes ask for the same model, one
    /// fetches and the others wait.
    /// - Parameters:
    ///   - policy: retries and waits of downloads.
    ///   - report: called with each event of a download, on the calling thread.
    ///   - isCancelled: called several times a second; `true` stops fetching, and the bytes
    ///     received so far are kept for the next time.
    /// - Throws: ``ModelStoreError``; ``BagError`` and ``WeightsError`` if a bag's file can't be
    ///   used; `CancellationError`.
    package func findOrFetch(
        _ name: String, policy: DownloadPolicy = DownloadPolicy(),
        report: (DownloadEvent) -> Void = { _ in }, isCancelled: () -> Bool = { false }
    ) throws -> ModelFiles {
        try mix(name) { try findOrFetchOne($0, policy, report, isCancelled) }
    }

    private func findOrFetchOne(
        _ name: String, _ policy: DownloadPolicy, _ report: (DownloadEvent) -> Void,
        _ isCancelled: () -> Bool
    ) throws -> ModelFiles {
        do {
            return try findOne(name)
        } catch ModelStoreError.notFound(let shown, let folders, let missing) {
            let parsed = try ModelName(name, isFile: FilePath.isFile)
            let sources = try self.sources(of: parsed)
            if sources.isEmpty {
                throw ModelStoreError.notFound(name: shown, folders: folders, missing: missing)
            }
            if let offlineReason {
                throw ModelStoreError.offline(
                    name: shown, folders: folders, reason: offlineReason)
            }
            var reasons: [DownloadError] = []
            for source in sources {
                do {
                    try fetch(source, policy, isCancelled, report)
                    return try findOne(name)
                } catch let error as DownloadError {
                    reasons.append(error)
                    // Another server can't help if the disk is full or libcurl is missing.
                    if error.cause != .modelMissing { break }
                }
            }
            throw ModelStoreError.notFetched(name: shown, reasons: reasons)
        }
    }

    private enum Source {
        /// The bag of a hub repository and its checkpoints.
        case hubBag(HubRepository)
        /// A single checkpoint of a hub repository.
        case hubCheckpoint(HubRepository, signature: String)
        /// `.th` files from their first address.
        case torch([PublishedModel.Member])
        /// The files of another author's model.
        case linked(LinkedModel)
    }

    private func sources(of name: ModelName) throws -> [Source] {
        switch name {
        case .path: return []
        case .hub(let repository): return [.hubBag(repository)]
        case .name(let text):
            if let model = PublishedModel.named(text) {
                return [.hubBag(model.hub), .torch(model.members)]
            }
            if let model = LinkedModel.named(text) { return [.linked(model)] }
            guard let (member, model) = PublishedModel.member(text) else { return [] }
            return [.hubCheckpoint(model.hub, signature: member.signature), .torch([member])]
        }
    }

    private func fetch(
        _ source: Source, _ policy: DownloadPolicy, _ isCancelled: () -> Bool,
        _ report: (DownloadEvent) -> Void
    ) throws {
        func download(
            _ url: String, to path: String, checksum: String? = nil,
            limitBytes: Int = ModelStore.checkpointLimitBytes,
            check: @escaping (_ path: String) throws -> Void = { _ = try Checkpoint.open($0) }
        ) throws {
            try Download(
                url: url, destination: path, checksum: checksum, limitBytes: limitBytes,
                check: check
            ).run(policy: policy, isCancelled: isCancelled, report: report)
        }
        switch source {
        case .hubBag(let repository):
            let folder = caches.own(repository)
            let path = "\(folder)/\(repository.bagFile)"
            try download(
                address(of: repository.bagFile, in: repository), to: path,
                limitBytes: YAMLFile.sizeLimitBytes, check: { _ = try BagFile.read($0) })
            for signature in checkpoints(of: try BagFile.read(path), beside: folder).missing {
                try fetch(
                    .hubCheckpoint(repository, signature: signature), policy, isCancelled, report)
            }
        case .hubCheckpoint(let repository, let signature):
            let file = HubRepository.file(of: signature)
            try download(
                address(of: file, in: repository), to: "\(caches.own(repository))/\(file)")
        case .linked(let model):
            if let file = model.configuration {
                try download(
                    file.url, to: "\(caches.ownCheckpoints)/\(model.configurationFile)",
                    checksum: file.sha256, limitBytes: YAMLFile.sizeLimitBytes,
                    check: { _ = try YAMLFile.read($0) })
            }
            try download(
                model.checkpoint.url, to: "\(caches.ownCheckpoints)/\(model.checkpointFile)",
                checksum: model.checkpoint.sha256)
        case .torch(let members):
            for member in members where checkpoint(member.signature) == nil {
                try download(
                    member.torchAddress, to: "\(caches.ownCheckpoints)/\(member.torchFile)",
                    checksum: member.checksum)
            }
        }
    }

    /// `https://huggingface.co/<namespace>/<repository>/resolve/main/<file>`, or the same path at
    /// `HF_ENDPOINT`.
    private func address(of file: String, in repository: HubRepository) throws -> String {
        var endpoint = environment["HF_ENDPOINT"] ?? ""
        if endpoint.isEmpty { endpoint = HubRepository.officialEndpoint }
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        let address = repository.address(of: file, at: endpoint)
        guard try Address(address).isSecure, !endpoint.contains(where: { "?#".contains($0) })
        else { throw ModelStoreError.invalidEndpoint(value: endpoint) }
        return address
    }
}
