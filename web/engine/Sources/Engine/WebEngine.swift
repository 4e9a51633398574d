// The engine of a page: a model and the separation under way.

import Analysis
import CWeb
import HTDemucs
import Networks
import Signal
import System
import Tensor
import Tracks
import WeightsLoader

/// A model, loaded member after member, that separates one track at a time.
final class WebEngine {
    /// Samples that are read at once of stems that an interrupted separation left.
    private static let blockSamples = 1 << 16

    /// Threads to share each parallel loop.
    let threads: Int

    private let cancellation = CancellationToken(when: { is_cancelled() != 0 })
    /// A file that is in memory, read but not loaded.
    private var opened: (checkpoint: Checkpoint, configuration: Configuration)?
    private var warnings: [String] = []
    private var backend: Backend?
    private var networks: [LoadedNetwork] = []
    private var members: [Bag.Member] = []
    private var inspection = Inspection()
    private var parameterNames: [String] = []
    private var pipeline: TrackPipeline?
    /// The outputs of the track under way.
    private var rows: SignalRows?
    /// Takes the stems of the track under way; nil if no analysis is wanted.
    private var analyzer: MusicAnalyzer?
    /// The last block of samples, `[output · channels + channel][sample]`.
    private var block: PlanarAudio?

    /// - Parameter threads: that have started; the engine's own is one of them.
    init(threads: Int) {
        self.threads = threads
        awaitThreads(threads - 1)
    }

    // MARK: - The model

    /// Reads the header of a member's file, which stays in memory until ``load(precision:weights:)``.
    ///
    /// - Parameters:
    ///   - name: the file's name, for errors.
    ///   - segmentSeconds: the segment of a bag that the model is part of.
    /// - Returns: what the choice of a precision depends on, as JSON.
    func open(
        _ bytes: UnsafeRawBufferPointer, name: String, segmentSeconds: Double?
    ) throws(AnyError) -> String {
        let checkpoint: Checkpoint
        do {
            checkpoint = try Checkpoint.read(FileBytes(bytes), path: name)
        } catch {
            throw error.erased
        }
        var (configuration, _, warnings) = try Configuration.read(from: checkpoint)
        if let segmentSeconds {
            do {
                configuration = try configuration.inBag(ofSegmentSeconds: segmentSeconds)
            } catch {
                throw error.erased
            }
        }
        if let first = members.first?.rules {
            let rules = configuration.trackRules
            guard rules.sources == first.sources, rules.sampleRateHz == first.sampleRateHz,
                rules.audioChannels == first.audioChannels
            else {
                throw WebError.membersDiffer(name: name).erased
            }
        }
        self.warnings += warnings
        parameterNames += checkpoint.tensors.map { $0.name }
        opened = (checkpoint, configuration)
        var shapes: [String: JSON] = [:]
        for tensor in checkpoint.tensors {
            shapes[tensor.name] = .array(tensor.shape.map { .integer($0) })
        }
        let needs: JSON = [
            "architecture": [
                "nfft": .integer(configuration.arguments.nfft),
                "heads": .integer(configuration.arguments.tHeads),
                "shapes": .object(shapes),
            ],
            "parameters": .integer(checkpoint.tensors.reduce(0) { $0 + $1.count }),
            "segmentSeconds": .number(
                Double(configuration.segmentSamples) / Double(configuration.arguments.samplerate)),
            "isQuantized": .bool(checkpoint.isQuantized),
        ]
        return needs.line
    }

    /// Loads the network of the file that was opened. The file is no longer needed then.
    ///
    /// - Parameter weights: of each source in a bag; empty for all ones.
    func load(precision: Precision, weights: [Double]) throws(AnyError) {
        guard let (checkpoint, configuration) = opened else {
            preconditionFailure("a file is opened first")
        }
        opened = nil
        let rules = configuration.trackRules
        let backend: Backend
        do {
            backend = try self.backend(precision)
        } catch {
            throw error.erased
        }
        let replacements = try inspection.replacements(in: checkpoint)
        do {
            networks.append(
                try configuration.network(
                    checkpoint.parameters(replacing: replacements), on: backend))
        } catch {
            throw error.erased
        }
        members.append(
            Bag.Member(
                rules, weights: weights.isEmpty ? rules.sources.map { _ in 1 } : weights))
    }

    /// The backend of all members, made for the first.
    private func backend(_ precision: Precision) throws(BackendError) -> Backend {
        if let backend { return backend }
        let made = try Backend(threads: threads, precision: precision)
        backend = made
        return made
    }

    /// The loaded model, as JSON.
    var description: String {
        guard let rules = members.first?.rules, let backend else {
            preconditionFailure("a member is loaded first")
        }
        let description: JSON = [
            "sources": .array(rules.sources.map(JSON.text)),
            "sampleRate": .integer(rules.sampleRateHz),
            "audioChannels": .integer(rules.audioChannels),
            "parameters": .integer(networks.reduce(0) { $0 + $1.parameterCount }),
            "precision": .text(backend.precision.rawValue), "threads": .integer(backend.threads),
            "warnings": .array(warnings.map(JSON.text)),
        ]
        return description.line
    }

    /// Sets the edits of the passes to come, and the values that they give the page.
    ///
    /// - Parameter isLoaded: whether the model is complete.
    /// - Returns: whether the model must be loaded again; it is empty then.
    func observe(edits: String, values: String, isLoaded: Bool) throws(AnyError) -> Bool {
        let wanted = try Inspection(edits: edits, values: values)
        let before = inspection.edits(of: parameterNames)
        inspection = wanted
        if isLoaded, wanted.edits(of: parameterNames) == before { return false }
        (pipeline, networks, members, warnings, parameterNames) = (nil, [], [], [], [])
        return true
    }

    /// Gives the page the parameters of a file.
    static func giveParameters(
        of bytes: UnsafeRawBufferPointer, _ patterns: [NamePattern]
    ) throws(AnyError) {
        do {
            let checkpoint = try Checkpoint.read(FileBytes(bytes), path: "model")
            for tensor in checkpoint.tensors
            where patterns.contains(where: { $0.matches(tensor.name) }) {
                Inspection.give(
                    NamedTensor(tensor.name, tensor.shape, try checkpoint.floats(tensor)))
            }
        } catch {
            throw error.erased
        }
    }

    // MARK: - A track

    /// Begins to separate a track, whose samples the page gives in pieces.
    ///
    /// - Parameters:
    ///   - settings: JSON of a ``WebPlan``.
    ///   - start: first sample of the outputs that is wanted, to go on with a separation of the same
    ///     settings.
    /// - Returns: the plan as JSON, with the samples of each output, at the model's rate.
    func begin(
        channels: Int, samples: Int, rateHz: Int, settings: String, startingAt start: Int,
        analyzes: Bool
    ) throws(AnyError) -> String {
        guard let backend else { preconditionFailure("a model is loaded first") }
        pipeline = nil
        let sources = members[0].rules.sources
        let plan: WebPlan
        do throws(RequestError) {
            plan = try WebPlan(settings, of: sources)
            try plan.check(backend.precision)
        } catch {
            throw error.erased
        }
        let options = plan.request.separation
        let signals = plan.outputs.map { $0.signal }
        // An analysis needs all stems.
        let wanted = sources.indices.filter { index in
            analyzes || signals.contains { $0.stems.contains(sources[index]) }
        }
        let bag = Bag(members, stems: wanted)
        guard
            let conversion = AudioConversion(
                channels: channels, rateHz: rateHz, toChannels: bag.channelCount,
                rateHz: bag.sampleRateHz)
        else {
            throw WebError.tooFewChannels(found: channels, needed: bag.channelCount).erased
        }
        let track = try Track(conversion, cancellation: cancellation) {
            RangeReader(channelCount: channels, sampleRateHz: rateHz, sampleCount: samples) {
                range throws(AnyError) in
                try Self.read(range, channels: channels, rateHz: rateHz)
            }
        }
        guard start < track.sampleCount else {
            throw WebError.startAfterEnd(start: start, samples: track.sampleCount).erased
        }
        var random = PythonRandom(seed: options.seedOrDrawn())
        let (networks, cancellation) = (networks, cancellation)
        let (inspection, parameterNames) = (inspection, parameterNames)
        @Sendable func forward(_ member: Int, _ mix: Tensor) throws(AnyError) -> Tensor {
            try inspection.forward(
                networks[member], mix, parameterNames: parameterNames, cancellation)
        }
        pipeline = try TrackPipeline(
            track, bag: bag, options: options, random: &random, backend: backend,
            workers: [forward], cancellation: cancellation, startingAt: start)
        rows = SignalRows(
            signals, stems: wanted.map { sources[$0] },
            shape: SignalShape(
                channelCount: bag.channelCount, modelRateHz: bag.sampleRateHz,
                sampleRateHz: bag.sampleRateHz, sampleCount: .max))
        analyzer =
            analyzes
            ? MusicAnalyzer(
                sources: sources, channelCount: bag.channelCount,
                sampleRateHz: bag.sampleRateHz, statistics: track.statistics, backend: backend)
            : nil
        var description = plan.json
        description["samples"] = .integer(track.sampleCount)
        return JSON.object(description).line
    }

    private static func read(
        _ range: Range<Int>, channels: Int, rateHz: Int
    ) throws(AnyError) -> PlanarAudio {
        let audio = PlanarAudio(
            channels: (0..<channels).map { channel in
                [Float](unsafeUninitializedCapacity: range.count) { buffer, initialized in
                    guard let base = buffer.baseAddress else { return }
                    page_read(
                        Int32(channel), Int32(range.lowerBound), Int32(range.count), base)
                    initialized = range.count
                }
            }, sampleRateHz: rateHz)
        for (channel, samples) in audio.channels.enumerated() {
            if samples.withUnsafeBufferPointer({ $0.largestMagnitude.isFinite }) { continue }
            let index = samples.firstIndex { !$0.isFinite } ?? 0
            let seconds = Double(range.lowerBound + index) / Double(rateHz)
            throw WebError.notFinite(seconds: seconds, channel: channel).erased
        }
        return audio
    }

    /// Analyses the stems before the first sample that is wanted, which an interrupted separation
    /// has left.
    ///
    /// - Parameter samples: of each stem; the page gives them as channels of a track,
    ///   `stem · channels + channel`.
    func analyzeFinished(samples: Int) throws(AnyError) {
        guard let rules = members.first?.rules else { preconditionFailure("a model is loaded") }
        let (sources, channels) = (rules.sources.count, rules.audioChannels)
        for start in stride(from: 0, to: samples, by: Self.blockSamples) {
            do { try cancellation.check() } catch { throw error.erased }
            let stems = try Self.read(
                start..<min(start + Self.blockSamples, samples), channels: sources * channels,
                rateHz: rules.sampleRateHz)
            // For a model that lacks a source of the analysis: the stems nearly add up to the track.
            let mixture = (0..<channels).map { channel in
                stems.channels[channel].indices.map { sample in
                    (0..<sources).reduce(0) { $0 + stems.channels[$1 * channels + channel][sample] }
                }
            }
            analyzer?.append(
                StemBlock(
                    stems: stems,
                    mixture: PlanarAudio(channels: mixture, sampleRateHz: rules.sampleRateHz)))
        }
    }

    /// Computes the next finished samples of all outputs.
    ///
    /// - Returns: their number; 0 after the last.
    func next() throws(AnyError) -> Int {
        guard let pipeline else { preconditionFailure("a separation is begun first") }
        block = nil
        let finished = try pipeline.next { progress in
            if progress.isBegin { return }
            page_progress(Int32(progress.segmentsDone), Int32(progress.segmentsTotal))
        }
        guard let finished else {
            self.pipeline = nil
            return 0
        }
        // The rate stays, so that samples leave as they come.
        block = try rows?.append(finished, sampleCount: .max)
        analyzer?.append(finished)
        return block?.sampleCount ?? 0
    }

    /// Copies a row of the last block, `output · channels + channel`.
    func copy(row: Int, to samples: UnsafeMutablePointer<Float>) {
        guard let channel = block?.channels[row] else { preconditionFailure("no block") }
        samples.update(from: channel, count: channel.count)
    }

    /// The analysis of the track, whose last block was computed, as JSON.
    func finishAnalysis() -> String {
        guard let found = analyzer?.finish() else {
            preconditionFailure("the separation begins with an analysis")
        }
        analyzer = nil
        return JSON.object(found.fields).line
    }
}

/// A model or a track that can't be used on a page.
enum WebError: CausedError, DescribedError {
    case membersDiffer(name: String)
    case tooFewChannels(found: Int, needed: Int)
    case startAfterEnd(start: Int, samples: Int)
    /// Channels count from 0.
    case notFinite(seconds: Double, channel: Int)
    case noMatch(pattern: String)

    var description: String {
        switch self {
        case .membersDiffer(let name):
            "\(name): its sources, rate or channels are not those of the model's other files; give "
                + "files of one model"
        case .tooFewChannels(let found, let needed):
            "The track has \(found) channels, and the model needs 1, \(needed) or more."
        case .startAfterEnd(let start, let samples):
            "The value \(start) is invalid for start: the track has \(samples) samples."
        case .noMatch(let pattern):
            "No value and no parameter of the model has a name like \(pattern)."
        case .notFinite(let seconds, let channel):
            "The sample at \(seconds.fixed(3)) s in channel \(channel + 1) is not a finite number. "
                + "Repair or export the file again."
        }
    }

    var cause: ErrorCause {
        switch self {
        case .membersDiffer: .model
        case .noMatch: .argument
        case .tooFewChannels, .startAfterEnd: .unsuitable
        case .notFinite: .input
        }
    }

    var reason: String? { nil }
}
