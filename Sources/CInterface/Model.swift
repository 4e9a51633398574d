// Opening and describing models, and cancelling their work.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CSwiftDemucs
import Demucs
import ModelZoo
import Runs
import System

let modelHandle = Handle<LoadedModel>("sd_model", kind: 1)
let streamHandle = Handle<OpenStream>("sd_stream", kind: 2)
let cancellationHandle = Handle<CancellationToken>("sd_cancellation", kind: 3)

/// Sends log lines to the caller.
struct Log: @unchecked Sendable {
    // @unchecked: the caller promises that its callback may run in the threads of its calls.
    private let callback: sd_log_callback?
    private let context: UnsafeMutableRawPointer?

    init(_ callback: sd_log_callback?, _ context: UnsafeMutableRawPointer?) {
        self.callback = callback
        self.context = context
    }

    func info(_ line: String) { callback?(context, SD_LOG_INFO, line.withoutHiddenCharacters) }
    func warning(_ line: some CustomStringConvertible) {
        callback?(context, SD_LOG_WARNING, line.description.withoutHiddenCharacters)
    }
}

/// The object behind an `sd_model`: a loaded model, and where those that follow it are found.
final class LoadedModel: Sendable {
    let chosen: ChosenModel
    let separator: Separator
    private let store: ModelStore
    let log: Log
    /// Threads of the model's own engine, for a trace.
    let threads: Int?

    /// - Parameter name: the name or path that the caller gave.
    init(
        _ store: ModelStore, named givenName: String, _ settings: ModelSettings, log: Log
    ) throws {
        let found = try store.find(givenName)
        var files = found
        files.segmentSeconds = settings.request.segment ?? found.segmentSeconds
        do { chosen = try ChosenModel(files) } catch let error as ConfigurationError {
            guard let seconds = settings.request.segment, case .invalid(_, _, let allowed) = error
            else { throw error }
            // A model that can't be opened with its own segment either has its own error.
            _ = try ChosenModel(found)
            throw SeparationError.invalidOption(
                name: "segment", value: "\(seconds)", allowed: allowed)
        }
        threads = settings.threads
        separator = try chosen.load(
            stems: settings.request.stems, threads: threads,
            segmentsInParallel: settings.segmentsInParallel,
            precision: chosen.precision(of: settings.request))
        if let seconds = settings.request.segment {
            // Whole samples, as the networks take them.
            let samples = (seconds * Double(separator.model.sampleRateHz)).rounded(.down)
            try SeparationError.require(
                chosen.stemSources.first.members.allSatisfy {
                    Double($0.rules.segmentSamples) == samples
                }, "segment", seconds,
                "at most the model's own \(separator.model.segmentSeconds) seconds; some models "
                    + "take no other")
        }
        self.store = store
        self.log = log
        separator.model.warnings.forEach(log.warning)
    }

    /// The model of a request, with those that separate its stems further.
    ///
    /// - Throws: the errors of finding and opening the models that follow.
    func model(of request: SeparationRequest) throws -> ChosenModel {
        try chosen.followed(by: request.then) { try store.find($0) }
    }

    var description: JSONObject {
        let (model, members) = (separator.model, chosen.stemSources.first.members)
        return [
            "name": model.name, "stems": model.sources, "channels": model.audioChannels,
            "sample_rate_hz": model.sampleRateHz, "member_count": model.memberCount,
            "parameter_count": model.parameterCount, "segment_seconds": model.segmentSeconds,
            "engine": separator.engineDescription,
            "members": zip(members, chosen.files.checkpoints).map { member, checkpoint in
                let rules = member.rules
                return [
                    "checkpoint": checkpoint, "stems": rules.sources,
                    "segment_seconds": Double(rules.segmentSamples) / Double(rules.sampleRateHz),
                    "takes_any_length": rules.paddedSamples == nil,
                    "weights": model.sources.map { name in
                        member.source(named: name).map { member.weights[$0] } ?? 0
                    },
                ] as JSONObject
            },
        ]
    }
}

@c @implementation
public func sd_open(
    _ model: UnsafePointer<CChar>?, _ settings: UnsafePointer<CChar>?, _ log: sd_log_callback?,
    _ context: UnsafeMutableRawPointer?,
    _ result: UnsafeMutablePointer<OpaquePointer?>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let result = try required(result, "result", "a place for the handle")
        let name = try text(model, "model")
        let settings = try ModelSettings(
            settings, of: ["jobs", "precision", "repo", "segment", "stems", "threads"])
        let store = try ModelStore(ofLibraryWith: settings.repository)
        result.pointee = modelHandle.open(
            try LoadedModel(store, named: name, settings, log: Log(log, context)))
    }
}

extension ModelStore {
    /// The store of this library, which also finds the models that are installed with it.
    init(ofLibraryWith repository: String?) throws {
        // Without links.
        let library = path_of_binary(#dsohandle).flatMap {
            FilePath.resolved(String(cString: $0))
        }
        try self.init(
            repository: repository, bundledFolders: ModelStore.bundledFolders(of: library))
    }
}

@c @implementation
public func sd_close(_ model: OpaquePointer?) { modelHandle.close(model) }

@c @implementation
public func sd_model_describe(
    _ model: OpaquePointer?, _ event: sd_event_callback?, _ context: UnsafeMutableRawPointer?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let events = try EventCallback(required(event, "event", "a function"), context)
        events.send("loaded", model.description)
        try events.token.check()
    }
}

// MARK: - Cancelling

@c @implementation
public func sd_cancellation_create() -> OpaquePointer? {
    cancellationHandle.open(CancellationToken())
}

@c @implementation
public func sd_cancellation_cancel(_ cancellation: OpaquePointer?) {
    try? cancellationHandle.object(cancellation).cancel()
}

@c @implementation
public func sd_cancellation_free(_ cancellation: OpaquePointer?) {
    cancellationHandle.close(cancellation)
}
