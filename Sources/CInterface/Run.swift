// Separating sound files, and listing and fetching models: functions that report by events.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CSwiftDemucs
import Demucs
import ModelDownloads
import ModelZoo
import Runs
import System

/// A caller's function that takes events, and may cancel the call.
struct EventCallback: @unchecked Sendable {
    // @unchecked: called on the thread of the caller's call.
    let function: sd_event_callback?
    let context: UnsafeMutableRawPointer?
    let token: CancellationToken

    /// - Parameters:
    ///   - function: may be nil for a call that is worth making without it.
    ///   - cancellation: the caller's, which cancels the call too; nil for none.
    init(
        _ function: sd_event_callback?, _ context: UnsafeMutableRawPointer?,
        within cancellation: OpaquePointer? = nil
    ) throws(CallError) {
        self.function = function
        self.context = context
        token = try CancellationToken(within: cancellation)
    }

    func send(_ line: String, _ status: sd_status = SD_OK) {
        if let function, function(context, line, status) != 0 { token.cancel() }
    }

    /// Sends an object with the key `event`.
    func send(_ event: String, _ members: JSONObject) {
        send(JSONText.of(["event": event] + members, [], keys: .useDefaultKeys))
    }
}

// MARK: - Separating

/// Gives the events and the progress of a run to the caller, and its warnings to the model's log.
private final class RunCallbacks: RunReporter, @unchecked Sendable {
    // @unchecked: called on the thread of the caller's call.
    let events: EventCallback
    let segments: CallProgress
    let model: LoadedModel
    /// The error of the first track that failed.
    private(set) var firstError: String?

    init(events: EventCallback, segments: CallProgress, model: LoadedModel) {
        self.events = events
        self.segments = segments
        self.model = model
    }

    var takesEvents: Bool { events.function != nil }
    var isReaderGone: Bool { false }

    func event(_ line: String, failure: ErrorCause?) {
        events.send(line, failure.map { sd_status($0) } ?? SD_OK)
    }

    func progress(_ progress: SeparationProgress) -> Double? {
        segments.report(progress)
        return nil
    }

    func warning(_ text: String) { model.log.warning(text) }
    func error(_ text: String) { firstError = firstError ?? text }

    // Texts for people, which the events have too.
    func file(_ path: String) {}
    func status(_ text: String) {}
    func detail(_ text: String) {}
    func loaded(modelCount: Int, folder: String?) {}
    func begin(_ track: String, label: String) {}
    func end() {}
    func interrupted(_ label: String, done: Int, of count: Int?) {}
}

@c @implementation
public func sd_run(
    _ model: OpaquePointer?, _ tracks: UnsafePointer<UnsafePointer<CChar>?>?, _ track_count: Int,
    _ settings: UnsafePointer<CChar>?, _ event: sd_event_callback?,
    _ progress: sd_progress_callback?, _ context: UnsafeMutableRawPointer?,
    _ cancellation: OpaquePointer?, _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let paths = try required(
            try texts(tracks, track_count, "tracks"), "tracks", "at least one path")
        let events = try EventCallback(event, context, within: cancellation)
        let callbacks = RunCallbacks(
            events: events,
            segments: CallProgress(
                progress, context, of: model.separator, cancelling: events.token),
            model: model)
        let settings = try RunSettings(json: settingsText(settings))
        // Bytes, because equal texts may be the names of different files.
        var known: Set<[UInt8]> = []
        let inputs = paths.filter { known.insert(Array($0.utf8)).inserted }
        var run = try SeparationRun(
            of: inputs.map { InputTrack(file: $0) }, nil,
            with: try model.model(of: settings.request), settings: settings,
            reporter: callbacks, cancellation: callbacks.events.token)
        switch try run.run() {
        case .done: break
        case .interrupted: throw CancellationError()
        case .trackFailed, .pipeClosed:
            throw CallError(
                SD_TRACKS_FAILED, callbacks.firstError ?? "the reader of a file has closed it")
        }
    }
}

// MARK: - Models

@c @implementation
public func sd_models(
    _ repository: UnsafePointer<CChar>?, _ event: sd_event_callback?,
    _ context: UnsafeMutableRawPointer?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let store = try ModelStore(ofLibraryWith: try optionalText(repository, "repository"))
        let events = try EventCallback(event, context)
        for listing in try store.listings() {
            events.send("model", listing.json)
            try events.token.check()
        }
        for model in LinkedModel.all {
            let files = (try? store.find(model.name).checkpoints) ?? []
            events.send("linked", model.json + ["files": files])
            try events.token.check()
        }
    }
}

@c @implementation
public func sd_fetch(
    _ model: UnsafePointer<CChar>?, _ event: sd_event_callback?,
    _ context: UnsafeMutableRawPointer?, _ cancellation: OpaquePointer?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let name = try text(model, "model")
        let events = try EventCallback(event, context, within: cancellation)
        let files = try ModelStore(ofLibraryWith: nil).findOrFetch(
            name, report: { events.send($0.name, $0.json) },
            isCancelled: { events.token.isCancelled })
        for path in files.checkpoints { events.send("file", ["path": path]) }
    }
}

extension DownloadEvent {
    fileprivate var name: String {
        switch self {
        case .waiting: "waiting"
        case .started: "started"
        case .progress: "progress"
        case .retrying: "retrying"
        case .verifying: "verifying"
        case .finished: "finished"
        }
    }

    fileprivate var json: JSONObject {
        switch self {
        case .waiting(let file), .verifying(let file): ["file": file]
        case .started(let url, let file, let resumed, let total):
            ["file": file, "url": url, "received_bytes": resumed, "total_bytes": total]
        case .progress(let file, let received, let total):
            ["file": file, "received_bytes": received, "total_bytes": total]
        case .retrying(let error, let seconds): ["error": "\(error)", "seconds": seconds]
        case .finished(let file, let bytes): ["file": file, "total_bytes": bytes]
        }
    }
}
