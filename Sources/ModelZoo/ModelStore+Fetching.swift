// Fetching what is not on this machine: from the official repositories of the Hugging Face hub, or
// else the `.th` files from the address at which the official package first published them.
// Reference: `get_hf_model` in demucs/hf.py, `_parse_remote_files` in demucs/pretrained.py.

import Foundation
import WeightsLoader

extension ModelStore {
    /// Far above any published checkpoint (168 MB in float32), far below filling a disk.
    private static let checkpointLimitBytes = 4_000_000_000

    private static let defaultEndpoint = "https://huggingface.co"
    private static let torchServer = "https://dl.fbaipublicfiles.com"

    /// The model's files; what is missing of a published model is fetched.
    ///
    /// Blocks until that is done. Several processes may ask for the same model: one fetches, the
    /// others wait.
    /// - Parameters:
    ///   - report: told what is going on, on the calling thread.
    ///   - isCancelled: asked several times a second; fetching stops once it says so, and what has
    ///     come by then is kept for the next time.
    /// - Throws: ``ModelStoreError``; ``BagError`` and ``WeightsError`` if a bag's file can't be
    ///   used; `CancellationError`.
    public func findOrFetch(
        _ name: String, report: (DownloadEvent) -> Void = { _ in },
        isCancelled: () -> Bool = { false }
    ) throws -> ModelFiles {
        do {
            return try find(name)
        } catch ModelStoreError.notFound(let shown, let folders, let missing) {
            let parsed = try ModelName(name, isFile: FileSystem.isFile)
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
                    try fetch(source, isCancelled, report)
                    return try find(name)
                } catch let error as DownloadError {
                    reasons.append(error)
                    // No other server makes room on this disk.
                    switch error {
                    case .diskFull, .unwritable:
                        throw ModelStoreError.notFetched(name: shown, reasons: reasons)
                    default: break
                    }
                }
            }
            throw ModelStoreError.notFetched(name: shown, reasons: reasons)
        }
    }

    /// Where a model can be fetched from.
    private enum Source {
        /// The bag of a hub repository with its members.
        case hubBag(HubRepository)
        /// A single checkpoint of a hub repository.
        case hubCheckpoint(HubRepository, signature: String)
        /// `.th` files from their first address.
        case torch([KnownCheckpoint])
    }

    private func sources(of name: ModelName) throws -> [Source] {
        switch name {
        case .path: return []
        case .hub(let repository): return [.hubBag(repository)]
        case .name(let text):
            if let known = KnownModel.named(text) {
                return [.hubBag(known.hub), .torch(known.checkpoints)]
            }
            guard let (checkpoint, model) = KnownModel.checkpoint(text) else { return [] }
            return [
                .hubCheckpoint(model.hub, signature: checkpoint.signature), .torch([checkpoint]),
            ]
        }
    }

    private func fetch(
        _ source: Source, _ isCancelled: () -> Bool, _ report: (DownloadEvent) -> Void
    ) throws {
        switch source {
        case .hubBag(let repository):
            let path = "\(ownFolder(of: repository))/\(repository.bagFile)"
            try Download(
                url: try address(of: repository.bagFile, in: repository), destination: path,
                limitBytes: Bag.sizeLimitBytes, check: { _ = try Bag.read($0) }
            ).run(policy: policy, isCancelled: isCancelled, report: report)
            let bag = try Bag.read(path)
            let place = ModelPlace(folder: ownFolder(of: repository))
            for signature in members(of: bag, beside: place).missing {
                try fetch(
                    .hubCheckpoint(repository, signature: signature), isCancelled, report)
            }
        case .hubCheckpoint(let repository, let signature):
            let file = "\(signature).safetensors"
            try Download(
                url: try address(of: file, in: repository),
                destination: "\(ownFolder(of: repository))/\(file)",
                limitBytes: ModelStore.checkpointLimitBytes,
                check: { _ = try Checkpoint.open($0) }
            ).run(policy: policy, isCancelled: isCancelled, report: report)
        case .torch(let checkpoints):
            for known in checkpoints where checkpoint(known.signature) == nil {
                guard let url = URL(string: "\(ModelStore.torchServer)/\(known.torchPath)") else {
                    continue
                }
                try Download(
                    url: url, destination: "\(ownCheckpoints)/\(known.torchFile)",
                    checksum: known.torchChecksum, limitBytes: ModelStore.checkpointLimitBytes
                ).run(policy: policy, isCancelled: isCancelled, report: report)
            }
        }
    }

    /// `https://huggingface.co/<namespace>/<repository>/resolve/main/<file>`, or the same at
    /// `HF_ENDPOINT`.
    private func address(of file: String, in repository: HubRepository) throws -> URL {
        var endpoint = environment["HF_ENDPOINT"] ?? ""
        if endpoint.isEmpty { endpoint = ModelStore.defaultEndpoint }
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        let path = "\(repository.namespace)/\(repository.repository)/resolve/main/\(file)"
        guard let url = URL(string: "\(endpoint)/\(path)"), Transfer.isSecure(url),
            url.query == nil, url.fragment == nil
        else { throw ModelStoreError.invalidEndpoint(value: endpoint) }
        return url
    }
}
