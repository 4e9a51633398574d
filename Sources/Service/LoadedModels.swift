// The models that jobs may use; loads them.

import Audio
import Demucs
import ModelZoo
import Runs
import Synchronization
import System
import Tensor

/// Loads models when they are needed. The service's own model stays loaded, and one other.
final class LoadedModels: Sendable {
    /// State of the service's own model.
    enum Readiness: Sendable, Equatable {
        case loading
        case ready
        case failed
    }

    private struct Loaded {
        let digest: String
        let precision: Precision
        let name: String
        let separator: Separator
    }

    private struct State {
        var failure: (any Error)?
        var own: ChosenModel?
        var models: [String: ChosenModel] = [:]
        /// The service's own model, which is loaded before any other.
        var loadedOwn: Loaded?
        /// The other model, or precision, that was asked for last.
        var loadedOther: Loaded?

        var loaded: [Loaded] { [loadedOwn, loadedOther].compactMap(\.self) }

        var readiness: Readiness {
            failure != nil ? .failed : loadedOwn == nil ? .loading : .ready
        }
    }

    /// Name of the service's own model, for messages.
    let ownName: String
    private let settings: ServiceSettings
    private let store: ModelStore
    private let findOwn: @Sendable () throws -> ModelFiles
    private let state = Mutex(State())
    /// Broadcast when the state of the service's own model has changed.
    private let ownChanged = Condition()
    /// Held while a model is loaded: one at a time.
    private let loading = Mutex(())

    /// - Parameter findOwn: returns the service's own model; may take as long as a download.
    init(
        _ settings: ServiceSettings, store: ModelStore,
        findOwn: @escaping @Sendable () throws -> ModelFiles
    ) {
        self.settings = settings
        self.store = store
        self.findOwn = findOwn
        ownName = FilePath.name(of: settings.modelName)
    }

    var readiness: Readiness { state.withLock { $0.readiness } }

    /// The reason why the service's own model could not be loaded; nil if there is none.
    var failure: (any Error)? { state.withLock { $0.failure } }

    /// The name of the wanted model, if the small one that is installed with the program runs in its
    /// place.
    var replacedModel: String? {
        let name = state.withLock { $0.own?.name }
        return name == ModelStore.demoModel && ownName == ModelStore.defaultModel ? ownName : nil
    }

    /// Finds and loads the service's own model.
    func loadOwn() {
        do {
            let model = try installed(findOwn())
            changeOwn {
                $0.own = model
                $0.models[model.name] = model
            }
            _ = try separator(model, precision(of: model, .ofModel))
            changeOwn { $0.failure = nil }
        } catch {
            changeOwn { $0.failure = error }
        }
    }

    private func changeOwn(_ change: (inout State) -> Void) {
        state.withLock { change(&$0) }
        ownChanged.withLock { ownChanged.broadcast() }
    }

    private func installed(_ files: ModelFiles) throws -> ChosenModel {
        let model = try ChosenModel(files)
        // Most models that a client may ask for are only listed.
        model.close()
        return model
    }

    /// Waits up to ten seconds for the service's own model: loading takes a second, a download
    /// longer.
    func awaitOwn() {
        let clock = settings.clock
        let deadline = clock.now() + 10
        ownChanged.withLock {
            while readiness == .loading, state.withLock({ $0.own == nil }), clock.now() < deadline {
                clock.wait(ownChanged, deadline)
            }
        }
    }

    /// Waits until the service's own model is loaded, or has failed.
    func waitUntilLoaded() {
        ownChanged.withLock { while readiness == .loading { ownChanged.wait() } }
    }

    /// The problem of requests after the service's own model could not be loaded. The reason names
    /// files, and is only for the owner of the service.
    var noModel: Problem {
        if let fault = failure.map(Problem.init), fault.isOfMachine { return fault }
        return Problem(
            .noModel,
            "The model '\(ownName)' is missing or damaged. The messages of the service tell its owner "
                + "the reason.")
    }

    /// Names that jobs may use, besides the service's own, and two at a time.
    private static let names =
        PublishedModel.all.map(\.name) + [ModelStore.demoModel] + LinkedModel.all.map(\.name)

    /// The model with a name on this machine, with those that follow it. Nothing is fetched.
    func model(
        _ name: String?, then following: [SeparationRequest.Following]?
    ) throws(Problem) -> ChosenModel {
        let first = try model(name)
        do {
            // Their order makes no difference.
            let chain = try first.followed(
                by: following?.sorted { $0.description < $1.description }
            ) { try model($0, field: "then").files }
            chain.close()
            return chain
        } catch {
            throw Problem(error)
        }
    }

    /// The model with a name on this machine; the service's own for nil. Nothing is fetched.
    ///
    /// - Parameter field: the option that names the model, for errors.
    func model(_ name: String?, field: String = "model") throws(Problem) -> ChosenModel {
        let (readiness, own, known) = state.withLock {
            ($0.readiness, $0.own, name.flatMap { [models = $0.models] in models[$0] })
        }
        if let known { return known }
        guard let name else {
            if let own { return own }
            if readiness == .failed { throw noModel }
            throw Problem(.notReady, "The model '\(ownName)' is being loaded. Try again soon.")
        }
        // Only names from the list reach the store, never a path or an address.
        let parts = ModelName.parts(of: name)
        guard parts.count <= 2, parts.allSatisfy(LoadedModels.names.contains) else {
            throw .option(
                field, value: name,
                expected: "one of " + LoadedModels.names.joined(separator: ", ")
                    + ", or two of them with a '+' between them"
            )
        }
        do {
            let model = try installed(store.find(name))
            state.withLock { $0.models[name] = model }
            return model
        } catch is ModelStoreError {
            throw .option(
                field, value: name,
                expected: "a model that is installed; the owner of the service fetches it with "
                    + "'swift-demucs models fetch \(name)'")
        } catch {
            throw Problem(error)
        }
    }

    func precision(of model: ChosenModel, _ choice: PrecisionChoice) throws -> Precision {
        let choice = choice == .ofModel ? settings.precision : choice
        return try choice.precision(for: model.int8Support)
    }

    /// The loaded model. Blocks until it is loaded.
    func separator(_ model: ChosenModel, _ precision: Precision) throws -> Separator {
        let digest = try model.digest
        func loaded() -> Separator? {
            state.withLock {
                $0.loaded.first { $0.digest == digest && $0.precision == precision }?.separator
            }
        }
        if let separator = loaded() { return separator }
        return try loading.withLock { _ in
            if let separator = loaded() { return separator }
            // Given up before the new one is loaded; a job that runs keeps its own.
            state.withLock { $0.loadedOther = nil }
            let new = Loaded(
                digest: digest, precision: precision, name: model.name,
                separator: try model.separator(threads: settings.threads, precision: precision))
            state.withLock { state in
                if state.loadedOwn == nil {
                    state.loadedOwn = new
                } else {
                    state.loadedOther = new
                }
            }
            return new.separator
        }
    }

    // MARK: - For clients

    /// - Parameters:
    ///   - hasExample: whether the installation has a track to try.
    ///   - hasWeb: whether the service has the page that separates in the browser.
    ///   - hasFFmpeg: whether the service writes MP4.
    ///   - userCount: the number of users; nil without tokens.
    func json(hasExample: Bool, hasWeb: Bool, hasFFmpeg: Bool, userCount: Int?) -> JSON {
        let limits = settings.limits
        let (own, loaded, known) = state.withLock {
            ($0.own, $0.loaded, $0.models)
        }
        let kernels = try? EngineInformation()
        // Other authors' models are many: only those on this machine are listed.
        let names =
            (own.map { [$0.name] } ?? [])
            + LoadedModels.names.filter { name in
                name != own?.name
                    && (LinkedModel.named(name) == nil || (try? store.find(name)) != nil)
            }
        let models = names.map { name -> JSON in
            let published = PublishedModel.all.first { $0.name == name }
            let installed = known[name] ?? (try? model(name))
            return [
                "name": .text(name), "is_loaded": .bool(loaded.contains { $0.name == name }),
                "is_installed": .bool(installed != nil),
                "stems": .array(
                    (installed?.stems.sources ?? published?.sources ?? []).map(JSON.text)),
            ]
        }
        return [
            "engine": [
                "model": .text(own?.name ?? ownName),
                "precision": JSON(loaded.first?.precision.rawValue),
                "threads": .integer(settings.threads),
                "instruction_set": JSON(kernels?.instructionSet),
                "replaces": JSON(replacedModel), "version": .text(settings.version),
            ],
            "models": .array(models), "has_example": .bool(hasExample), "has_web": .bool(hasWeb),
            "has_ffmpeg": .bool(hasFFmpeg), "users": JSON(userCount),
            "formats": .array(SeparationRequest.Format.allCases.map { .text($0.rawValue) }),
            "precisions": .array(SeparationRequest.precisions.map(JSON.text)),
            "limits": [
                "body_bytes": .integer(limits.bodyBytes), "seconds": .number(limits.seconds),
                "queue": .integer(limits.queue), "max_work": .integer(limits.work),
                "max_outputs": .integer(SeparationRequest.mostJobOutputs),
                "max_finished": .integer(limits.finished),
                "keep_seconds": JSON(settings.keepSeconds),
            ],
        ]
    }

    /// The schema of ``json(hasExample:hasWeb:hasFFmpeg:userCount:)``.
    static let schema = JSONSchema.fields([
        "engine": .fields([
            "model": .string.orNull, "precision": .string.orNull, "threads": .integer,
            "instruction_set": .string.orNull,
            "replaces": .string.orNull.about(
                "The wanted model that is missing, if the small demo model runs in its place."),
            "version": .string,
        ]),
        "models": .list(
            of: .fields([
                "name": .string, "is_loaded": .boolean, "is_installed": .boolean,
                "stems": .list(of: .string).about(
                    "The stems that add up to the track; a bag may have more."),
            ])),
        "has_example": .boolean.about("Whether there is a track at /demo_track.ogg."),
        "has_web": .boolean.about("Whether there is a page at /web/ that needs no service."),
        "has_ffmpeg": .boolean.about("Whether it writes M4A and stem files."),
        "users": .integer.orNull.about(
            "Users with jobs of their own; null for a service without tokens."),
        "formats": .list(of: .string), "precisions": .list(of: .string),
        "limits": .fields([
            "body_bytes": .integer, "seconds": .number, "queue": .integer,
            "max_work": .integer.about(
                "Most work of a job, as a multiple of the default options' work for the same sound "
                    + "and model."),
            "max_outputs": .integer.about("Most stems of a job, mixes included."),
            "max_finished": .integer.about("Finished jobs that are kept; older ones are removed."),
            "keep_seconds": .number.orNull.about(
                "Time for which finished jobs are kept, as far as the service runs; null for "
                    + "ever."),
        ]),
    ])
}
