// Opening and describing models, and cancelling their work.

// The functions have C's names.
// swift-format-ignore-file: AlwaysUseLowerCamelCase

import CSwiftDemucs
import Demucs
import ModelZoo
import Runs
import Synchronization
import System
import Tensor

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

/// Names in C's memory.
private struct NameList: @unchecked Sendable {
    // @unchecked: written once.
    let pointers: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>
}

/// The object behind an `sd_model`.
final class LoadedModel: @unchecked Sendable {
    // @unchecked: the strings are written once, in the initialiser.
    let separator: Separator
    let files: ModelFiles
    private let store: ModelStore
    let log: Log
    /// Threads and precision of the model's own engine, for a trace.
    let threads: Int?
    let precision: Precision
    /// The model as a run takes it, made for the first run.
    private let runModel = Mutex<SeparationModel?>(nil)
    /// The model with those that separate stems further, of the last request for some.
    private let followed = Mutex<(then: [SeparationRequest.Following], separator: Separator)?>(nil)
    let isQuantized: Bool
    private let givenName: String
    private let name: UnsafeMutablePointer<CChar>
    private let engine: UnsafeMutablePointer<CChar>
    /// Lists of names that live as long as the model.
    private let nameLists = Mutex<[[String]: NameList]>([:])

    /// - Parameter name: the name or path that the caller gave.
    init(_ store: ModelStore, named givenName: String, _ options: sd_open_options) throws {
        let files = try store.find(givenName)
        let threads = try CInterface.threads(options.threads)
        try CallError.require(options.jobs >= 1, "jobs", options.jobs, "a number from 1")
        let choices: [PrecisionChoice] = [
            .ofModel, .fixed(.float32), .fixed(.bfloat16), .fixed(.int8), .fastest,
        ]
        let opened = try OpenedModel(files)
        let precision = try choice(options.precision, "precision", choices)
            .precision(isQuantized: opened.isQuantized)
        separator = try Separator(
            opened, stems: try texts(options.stems, options.stem_count, "stems"), threads: threads,
            segmentsInParallel: Int(options.jobs), precision: precision)
        isQuantized = opened.isQuantized
        self.files = files
        self.store = store
        self.givenName = givenName
        self.threads = threads
        self.precision = precision
        log = Log(options.log, options.log_context)
        name = strdup(separator.model.name)
        engine = strdup(separator.engineDescription)
        separator.model.warnings.forEach(log.warning)
    }

    deinit {
        nameLists.withLock { lists in
            for list in lists.values {
                for name in list.pointers { free(UnsafeMutableRawPointer(mutating: name)) }
                list.pointers.deallocate()
            }
        }
        free(engine)
        free(name)
    }

    /// Names as C strings that live as long as the model; equal names give equal pointers.
    func lastingNames(_ names: [String]) -> UnsafePointer<UnsafePointer<CChar>?>? {
        nameLists.withLock { lists in
            if let list = lists[names] { return UnsafePointer(list.pointers.baseAddress) }
            let pointers = UnsafeMutableBufferPointer<UnsafePointer<CChar>?>.allocate(
                capacity: names.count)
            _ = pointers.initialize(from: names.map { UnsafePointer(strdup($0)) })
            lists[names] = NameList(pointers: pointers)
            return UnsafePointer(pointers.baseAddress)
        }
    }

    /// The loaded model of a request, with those that separate its stems further.
    ///
    /// - Throws: the errors of finding and opening the models that follow.
    func separator(of request: SeparationRequest) throws -> Separator {
        guard let then = request.then, !then.isEmpty else { return separator }
        return try followed.withLock { known in
            if let known, known.then == then { return known.separator }
            let files = try request.followed(files) { try store.find($0) }
            let made = try Separator(separator, followedBy: OpenedModel(files))
            known = (then, made)
            return made
        }
    }

    /// The model for a run, with those that follow it.
    ///
    /// - Throws: `WeightsError`, `ConfigurationError` if its files have changed; the errors of finding
    ///   and opening the models that follow.
    func modelOfRun(_ request: SeparationRequest) throws -> SeparationModel {
        let followed = try request.followed(files) { try store.find($0) }
        if !followed.followers.isEmpty {
            return try SeparationModel(followed, name: givenName, loaded: separator)
        }
        return try runModel.withLock { known in
            let model = try known ?? SeparationModel(files, name: givenName, loaded: separator)
            known = model
            return model
        }
    }

    var information: sd_model_info {
        let model = separator.model
        return sd_model_info(
            size: MemoryLayout<sd_model_info>.size, name: name,
            stems: lastingNames(model.sources),
            stem_count: Int32(model.sources.count), channels: Int32(model.audioChannels),
            sample_rate: Int32(model.sampleRateHz), member_count: Int32(model.memberCount),
            parameter_count: Int64(model.parameterCount), segment_seconds: model.segmentSeconds,
            engine: engine)
    }
}

@c @implementation
public func sd_open(
    _ model: UnsafePointer<CChar>?, _ options: UnsafePointer<sd_open_options>?,
    _ result: UnsafeMutablePointer<OpaquePointer?>?, _ message: UnsafeMutablePointer<CChar>?,
    _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let result = try required(result, "result", "a place for the handle")
        let name = try text(model, "model")
        let options = try sd_open_options.read(options, "options", or: sd_open_options_init)
        let store = try ModelStore(
            ofLibraryWith: try optionalText(options.repository, "repository"))
        result.pointee = modelHandle.open(try LoadedModel(store, named: name, options))
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
    _ model: OpaquePointer?, _ info: UnsafeMutablePointer<sd_model_info>?,
    _ message: UnsafeMutablePointer<CChar>?, _ message_bytes: Int
) -> sd_status {
    attempt(message, message_bytes) {
        let model = try modelHandle.object(model)
        let info = try required(info, "info", "a structure")
        try model.information.write(to: info, "info")
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
