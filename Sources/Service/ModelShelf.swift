// The models that jobs may use; loads them.

import Audio
import Demucs
import Files
import HTDemucs
import LibC
import ModelZoo
import Synchronization
import Tensor

/// A model on this machine.
struct ShelvedModel: Sendable {
    let name: String
    let files: ModelFiles
    /// Names of the model's stems.
    let sources: [String]
    /// Digest of the model's checkpoints and how they are combined.
    let identity: String
    let isQuantized: Bool
}

/// Loads models when they are needed. The service's own model stays loaded, and one other.
final class ModelShelf: Sendable {
    /// State of the service's own model.
    enum Readiness: Sendable, Equatable {
        case loading
        case ready
        case failed(String)
    }

    private struct Key: Hashable {
        let identity: String
        let precision: Precision
    }

    private struct State {
        var readiness = Readiness.loading
        var own: ShelvedModel?
        var models: [String: ShelvedModel] = [:]
        /// Loaded models; the service's own is first.
        var loaded: [(key: Key, name: String, separator: Separator)] = []
    }

    let threads: Int
    private let store: ModelStore
    private let findOwn: @Sendable () throws -> ModelFiles
    private let precision: PrecisionChoice
    private let state = Mutex(State())
    /// Held while a model is loaded: one at a time.
    private let loading = Mutex(())

    /// - Parameters:
    ///   - precision: precision of jobs that set none.
    ///   - findOwn: returns the service's own model; may take as long as a download.
    init(
        store: ModelStore, precision: PrecisionChoice, threads: Int,
        findOwn: @escaping @Sendable () throws -> ModelFiles
    ) {
        self.store = store
        self.precision = precision
        self.threads = threads
        self.findOwn = findOwn
    }

    var readiness: Readiness { state.withLock { $0.readiness } }

    /// The reason why the service's own model could not be loaded; nil if there is none.
    var failure: String? { if case .failed(let reason) = readiness { reason } else { nil } }

    /// Finds and loads the service's own model.
    func loadOwn() {
        do {
            let model = try shelved(findOwn())
            state.withLock {
                $0.own = model
                $0.models[model.name] = model
            }
            _ = try separator(model, precision(of: model, .ofModel))
            state.withLock { $0.readiness = .ready }
        } catch {
            state.withLock { $0.readiness = .failed(Problem.oneLine("\(error)")) }
        }
    }

    private func shelved(_ files: ModelFiles) throws -> ShelvedModel {
        // Opened first, because its errors name the file.
        let sources = try OpenedModel(files).sources
        var hash = SHA256()
        for path in files.checkpoints {
            hash.update(Array(try SHA256.hexadecimal(ofFile: path).utf8))
        }
        hash.update(
            Array(
                "\(files.weights ?? []) \(files.segmentSeconds ?? 0) \(files.submodel ?? "")".utf8))
        return ShelvedModel(
            name: files.name, files: files, sources: sources,
            identity: hash.hexadecimal, isQuantized: try files.isQuantized())
    }

    /// Waits up to ten seconds for the service's own model: loading takes a second, a download
    /// longer.
    func awaitOwn() {
        let deadline = Timestamp.uptime + ModelShelf.mostLoadingSeconds
        while readiness == .loading, state.withLock({ $0.own == nil }), Timestamp.uptime < deadline
        {
            usleep(10_000)
        }
    }

    private static let mostLoadingSeconds = 10.0

    /// The problem of requests after the service's own model could not be loaded.
    static func noModel(_ reason: String) -> Problem {
        Problem(.notReady, "There is no model: \(reason)")
    }

    /// Names that jobs may use, besides the service's own.
    private static let names = PublishedModel.all.map(\.name) + [ModelStore.demoModel]

    /// The model with a name on this machine; the service's own for nil. Nothing is fetched.
    ///
    /// - Throws: `Problem`.
    func model(_ name: String?) throws(Problem) -> ShelvedModel {
        let (readiness, own, known) = state.withLock {
            ($0.readiness, $0.own, name.flatMap { [models = $0.models] in models[$0] })
        }
        if let known { return known }
        guard let name else {
            if let own { return own }
            switch readiness {
            case .failed(let reason): throw ModelShelf.noModel(reason)
            default: throw Problem(.notReady, "The model is being loaded. Try again soon.")
            }
        }
        // Only names from the list reach the store, never a path or an address.
        guard ModelShelf.names.contains(name) else {
            throw .option(
                "model", value: name, expected: "one of " + ModelShelf.names.joined(separator: ", ")
            )
        }
        do {
            let model = try shelved(store.find(name))
            state.withLock { $0.models[name] = model }
            return model
        } catch is ModelStoreError {
            throw .option(
                "model", value: name,
                expected: "a model that is installed; the owner of the service fetches it with "
                    + "'swift-demucs models fetch \(name)'")
        } catch {
            throw Problem(error)
        }
    }

    func precision(of model: ShelvedModel, _ choice: PrecisionChoice) throws -> Precision {
        try (choice == .ofModel ? precision : choice).precision(isQuantized: model.isQuantized)
    }

    /// The loaded model. Blocks until it is loaded.
    func separator(_ model: ShelvedModel, _ precision: Precision) throws -> Separator {
        let key = Key(identity: model.identity, precision: precision)
        func loaded() -> Separator? {
            state.withLock { $0.loaded.first { $0.key == key }?.separator }
        }
        if let separator = loaded() { return separator }
        return try loading.withLock { _ in
            if let separator = loaded() { return separator }
            // Removed before the new model is loaded, so that no more than two are in memory.
            state.withLock { if $0.loaded.count > 1 { $0.loaded.removeLast() } }
            let separator = try Separator(model.files, threads: threads, precision: precision)
            state.withLock { $0.loaded.append((key, model.name, separator)) }
            return separator
        }
    }

    // MARK: - For clients

    func json(version: String, limits: ServiceLimits) -> JSON {
        let (own, loaded, known) = state.withLock {
            ($0.own, $0.loaded.map { ($0.name, $0.key.precision) }, $0.models)
        }
        let kernels = try? EngineInformation()
        let names = (own.map { [$0.name] } ?? []) + ModelShelf.names.filter { $0 != own?.name }
        let models = names.map { name -> JSON in
            let published = PublishedModel.all.first { $0.name == name }
            let installed = known[name] ?? (try? model(name))
            return [
                "name": .text(name), "is_loaded": .bool(loaded.contains { $0.0 == name }),
                "is_installed": .bool(installed != nil),
                "stems": .array((installed?.sources ?? published?.sources ?? []).map(JSON.text)),
            ]
        }
        return [
            "engine": [
                "model": JSON(own?.name), "precision": JSON(loaded.first?.1.rawValue),
                "threads": .integer(threads), "instruction_set": JSON(kernels?.instructionSet),
                "version": .text(version),
            ],
            "models": .array(models),
            "formats": .array(JobOptions.Format.allCases.map { .text($0.rawValue) }),
            "precisions": .array(JobOptions.precisions.map(JSON.text)),
            "limits": [
                "body_bytes": .integer(limits.bodyBytes), "seconds": .number(limits.seconds),
                "queue": .integer(limits.queue),
            ],
        ]
    }
}
