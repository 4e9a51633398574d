// The settings of calls on samples in memory.

import CSwiftDemucs
import Demucs
import Runs
import System
import Tracks

/// The settings of a stream, and of `sd_plan` for both.
struct StreamSettings: RequestSettings {
    static let scopes: Set<FieldScope> = [.signals, .separation]
    var request = SeparationRequest()
    var isLive = false
    private var lookaheadSeconds: Double?
    private var hopSeconds: Double?
    private var windowSeconds: Double?
    var spoolFolder: String?

    static let fields: [RequestField<Self>] = [
        RequestField(flag: "live", help: "Give stems before the stream has ended.") {
            $1.isLive = $0
        },
        seconds("lookahead", \.lookaheadSeconds, help: "Seconds heard after a block of stems."),
        seconds("hop", \.hopSeconds, help: "Seconds of a block of stems."),
        seconds("window", \.windowSeconds, help: "Seconds heard for a block of stems."),
        RequestField(
            "spool", .text(placeholder: "folder"), .string, help: "Folder of the temporary file.",
            parse: { $1.spoolFolder = $0 }),
    ]

    /// The look-ahead of a live stream; nil for another one.
    var live: LiveOptions? {
        guard isLive else { return nil }
        let preset = LiveOptions.balanced
        return LiveOptions(
            lookaheadSeconds: lookaheadSeconds ?? preset.lookaheadSeconds,
            hopSeconds: hopSeconds ?? preset.hopSeconds,
            windowSeconds: windowSeconds)
    }

    private static func seconds(
        _ name: String, _ place: WritableKeyPath<Self, Double?> & Sendable, help: String
    ) -> RequestField<Self> {
        RequestField(
            name, .text(placeholder: "seconds"), .number, help: help,
            parse: { value, settings throws(SeparationRequest.Expected) in
                guard let number = Double(value), number >= 0, number.isFinite else {
                    throw SeparationRequest.Expected("a number of seconds from 0")
                }
                settings[keyPath: place] = number
            })
    }
}

/// The settings of `sd_separate`.
struct BufferSettings: RequestSettings {
    static let scopes: Set<FieldScope> = [.signals, .separation]
    var request = SeparationRequest()
    var normalises = true

    static let fields: [RequestField<Self>] = [
        RequestField(
            flag: "no-normalization", help: "Leave the samples as they are, as apply_model does."
        ) { $1.normalises = !$0 }
    ]
}

/// The settings of `sd_open` and `sd_quantize`.
struct ModelSettings {
    private(set) var request = SeparationRequest()
    private(set) var threads: Int?
    private(set) var segmentsInParallel = 1
    private(set) var repository: String?
    private(set) var calibrationSegments = 50

    /// - Parameter names: the settings that have an effect.
    init(_ settings: UnsafePointer<CChar>?, of names: Set<String>) throws {
        for (name, value) in try SeparationRequest.fields(ofJSON: settingsText(settings)) {
            func number(_ range: ClosedRange<Int>) throws -> Int {
                if let number = Int(value), range.contains(number) { return number }
                throw RequestError.invalidValue(
                    field: name, value: value,
                    expected: "a number from \(range.lowerBound) to \(range.upperBound)")
            }
            guard names.contains(name) else { throw RequestError.unknownField(name) }
            switch name {
            case "threads": threads = try number(Separator.supportedThreads)
            case "jobs": segmentsInParallel = try number(Separator.supportedThreads)
            case "repo": repository = value
            case "samples": calibrationSegments = try number(1...10_000)
            default: _ = try request.set([(name, value)], of: [.signals, .separation])
            }
        }
    }
}

/// The JSON of a C string; an empty object for NULL.
///
/// - Throws: `SD_ERROR_ARGUMENT`; `RequestError` for a text with a zero byte (`\\u0000`), which would end a
///   name early.
func settingsText(_ settings: UnsafePointer<CChar>?) throws -> String {
    let json = try optionalText(settings, "settings") ?? "{}"
    for (name, value) in try SeparationRequest.fields(ofJSON: json) where value.utf8.contains(0) {
        throw RequestError.invalidValue(
            field: name, value: value, expected: "a text without a zero byte")
    }
    return json
}

/// A request for samples in memory, resolved for a model.
struct PlannedRequest {
    let request: SeparationRequest
    let separator: Separator
    let outputs: [NamedSignal]

    /// - Throws: `RunError` for a request that doesn't fit the model; the errors of finding and opening
    ///   the models that follow.
    init(_ request: SeparationRequest, of model: LoadedModel) throws {
        separator = try model.model(of: request).load(precision: model.separator.precision)
        self.request = separator.withLoadedStems(request)
        outputs = try self.request.outputs(of: separator.stems)
        if outputs.isEmpty {
            throw RequestError.invalidValue(
                field: "stems", value: SeparationRequest.noStems,
                expected: "one of " + separator.stems.all.joined(separator: ", "))
        }
        try separator.checkLoaded(outputs)
        _ = try model.chosen.precision(of: request)
        try separator.validate(options)
    }

    var signals: [StemSignal] { outputs.map(\.signal) }

    /// Channels of all outputs.
    var rowCount: Int { outputs.count * separator.model.audioChannels }

    /// Checks that a block of all outputs fits into memory: a segment, or a shorter track.
    ///
    /// - Throws: `SeparationError.notEnoughMemory`.
    func checkBlocks(ofFrames frames: Int = .max) throws(SeparationError) {
        let model = separator.model
        try checkMemory(
            rows: rowCount,
            frames: min(frames, Int(model.segmentSeconds * Double(model.sampleRateHz))))
    }

    var options: SeparationOptions { request.separation }
}

/// The callback and the cancellation of one call.
struct CallProgress: @unchecked Sendable {
    // @unchecked: the callback is called on the thread of the caller's call.
    private let function: sd_progress_callback?
    private let context: UnsafeMutableRawPointer?
    private let memberCount: Int
    /// The caller's cancellation cancels it, and so does the result of the callback, which must not
    /// stop other calls with that cancellation.
    let token: CancellationToken

    init(
        _ function: sd_progress_callback?, _ context: UnsafeMutableRawPointer?,
        of separator: Separator, cancelling token: CancellationToken
    ) {
        self.function = function
        self.context = context
        self.token = token
        memberCount = separator.model.memberCount
    }

    /// Reports a segment to the caller, and cancels the work if the caller asks for it.
    func report(_ event: SeparationProgress) {
        guard let function, let segment = event.segment else { return }
        let total = event.segmentsTotal
        var value = sd_progress(
            fraction: total > 0 ? Double(event.segmentsDone) / Double(total) : 0,
            segments_done: Int64(event.segmentsDone), segments_total: Int64(total),
            track_frames: Int64(event.trackSamples ?? 0),
            segment_offset: Int64(segment.offsetSamples), shift: Int32(segment.shift),
            member: Int32(segment.member), has_ended: segment.hasEnded ? 1 : 0,
            member_count: Int32(memberCount))
        if function(context, &value) != 0 { token.cancel() }
    }
}

extension CancellationToken {
    /// A token for one call, which the caller's cancellation cancels too.
    convenience init(within cancellation: OpaquePointer?) throws(CallError) {
        let outer: CancellationToken? =
            cancellation == nil ? nil : try cancellationHandle.object(cancellation)
        self.init(within: outer)
    }
}

/// The caller's generator of shifts, or one of a seed.
struct ShiftGenerator {
    private let given: UnsafeMutablePointer<sd_random>?
    let random: PythonRandom
    /// The seed; nil for the caller's own generator.
    let seed: UInt64?

    /// - Throws: `SD_ERROR_ARGUMENT` for a state that Python's generator doesn't have.
    init(
        _ given: UnsafeMutablePointer<sd_random>?, _ options: SeparationOptions
    ) throws(CallError) {
        self.given = given
        guard let given else {
            let seed = options.seedOrDrawn()
            random = PythonRandom(seed: seed)
            self.seed = seed
            return
        }
        let position = Int(given.pointee.position)
        try CallError.require(
            (0...PythonRandom.stateWords).contains(position), "random->position", position,
            "0 to \(PythonRandom.stateWords)")
        let words = withUnsafeBytes(of: &given.pointee.words) {
            Array($0.bindMemory(to: UInt32.self))
        }
        random = PythonRandom(state: words, position: position)
        seed = nil
    }

    /// Copies the state of a generator back to the caller's own.
    func giveBack(_ generator: PythonRandom) {
        guard let given else { return }
        withUnsafeMutableBytes(of: &given.pointee.words) { words in
            generator.state.withUnsafeBytes { words.copyMemory(from: $0) }
        }
        given.pointee.position = Int32(generator.position)
    }
}
