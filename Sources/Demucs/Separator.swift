// A loaded model, and the backends that it runs on: the entry point of the library.

import Audio
import HTDemucs
import ModelZoo
import System
import Tensor
import Tracks

/// A model that separates tracks into stems.
///
/// ```swift
/// let separator = try await Separator.load(ModelFiles(checkpoint: modelPath))
/// let separation = try await separator.separate(track, options: options)
/// ```
///
/// Safe to use from several tasks at once; they share its threads.
public final class Separator: Sendable {
    /// Threads that a separator can have.
    public static let supportedThreads = 1...1024

    public let model: ModelInformation
    let bag: Bag
    private let workers: [Worker]

    /// A worker that runs one segment at a time, on its own threads. Workers share the weights.
    private struct Worker: Sendable {
        let backend: Backend
        /// Networks by member of the bag; `nil` for members that no wanted stem needs.
        let networks: [ModelNetwork?]
    }

    /// Loads the weights of a model. Blocks until they are loaded.
    ///
    /// ``load(_:stems:threads:segmentsInParallel:precision:)`` describes parameters and errors.
    package convenience init(
        _ opened: OpenedModel, stems: [String]? = nil, threads: Int? = nil,
        segmentsInParallel: Int = 1, precision: Precision = .float32
    ) throws {
        let threads = threads ?? countAvailableCores()
        try SeparationError.require(
            Separator.supportedThreads.contains(threads), "threads", threads,
            "a number from 1 to 1024")
        try SeparationError.require(
            segmentsInParallel >= 1, "jobs", segmentsInParallel, "a number from 1")
        let workers = min(segmentsInParallel, threads)
        try self.init(
            opened, stems: stems,
            backends: (0..<workers).map { worker in
                // The remainder of a fair share goes to the first workers.
                try Backend(
                    threads: threads / workers + (worker < threads % workers ? 1 : 0),
                    precision: precision)
            })
    }

    /// Loads a model that runs on given backends of one precision; each runs one segment at a time.
    package init(_ opened: OpenedModel, stems: [String]? = nil, backends: [Backend]) throws {
        bag = try opened.bag(of: stems)
        let networks = try opened.networks(running: bag, on: backends[0])
        workers = backends.map { backend in
            Worker(backend: backend, networks: networks.map { $0?.running(on: backend) })
        }
        model = opened.information(stems: bag.stems, networks: networks.compactMap(\.self))
        return_freed_memory()
    }

    /// Instruction set, GEMM backend, precision and threads of this separator:
    /// `avx512, packed products in float32, 2 threads`.
    public var engineDescription: String {
        let backend = workers[0].backend
        let shared = workers.count == 1 ? "" : ", \(workers.count) segments at once"
        return "\(backend.instructionSet), \(backend.productsDescription) products in "
            + "\(backend.precision.rawValue), \(threads) threads\(shared)"
    }

    package var precision: Precision { workers[0].backend.precision }

    /// Threads of all workers.
    private var threads: Int { workers.reduce(0) { $0 + $1.backend.threads } }

    /// Checks options against this model, as `separate` does.
    ///
    /// - Throws: `SeparationError.invalidOption`.
    public func validate(_ options: SeparationOptions) throws {
        _ = try bag.plans(options, trackSamples: 1)
    }

    // MARK: - Separating

    /// Separates a track in memory. Blocks until the stems are complete.
    ///
    /// ``separate(_:excerpt:options:progress:)`` describes parameters and errors.
    /// - Parameters:
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled.
    ///   - progress: called before the first and after each segment, on the calling thread.
    package func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions(),
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in }
    ) throws -> Separation {
        try options.validate()
        let recording = try recording(
            excerpt: excerpt, cancellation: cancellation, open: input.reader)
        let track = recording.track
        let channelCount = model.audioChannels
        var rows = PlanarAudio(
            channelCount: model.sources.count * channelCount, sampleRateHz: model.sampleRateHz,
            capacity: track.sampleCount)
        let seed = options.seedOrDrawn()
        var random = PythonRandom(seed: seed)
        let pipeline = try pipeline(
            track, options: options, random: &random, cancellation: cancellation)
        while let block = try pipeline.next(progress: progress) { rows.append(block.stems) }
        try input.checkUnchanged()
        let stems = model.sources.enumerated().map { index, name in
            let first = index * channelCount
            return Stem(
                name: name,
                audio: PlanarAudio(
                    channels: Array(rows.channels[first..<first + channelCount]),
                    sampleRateHz: model.sampleRateHz))
        }
        return Separation(
            stems: stems, seed: options.shifts > 0 ? seed : nil, warnings: recording.warnings)
    }

    /// Separates a track into files. Blocks until the files are complete.
    ///
    /// ``separate(_:excerpt:into:output:options:progress:)`` describes parameters and errors.
    /// - Parameters:
    ///   - stemFile: a stem file to write too, which the report lists last; `outputs` may be empty
    ///     then.
    ///   - maximumSeconds: longest track, or excerpt of it, to accept; `nil` for any length.
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled. Complete
    ///     files stay.
    ///   - progress: called before the first and after each segment, on the calling thread.
    package func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil, into outputs: [StemOutput],
        stemFile: StemFileOutput? = nil, output: OutputOptions = OutputOptions(),
        options: SeparationOptions = SeparationOptions(), maximumSeconds: Double? = nil,
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in }
    ) throws -> TrackReport {
        try excerpt?.validate()
        try options.validate()
        let needed = try bag(
            for: outputs.map(\.signal) + (stemFile?.parts.map(\.signal) ?? []), output)
        let recording = try recording(
            excerpt: excerpt, downmix: output.downmix, maximumSeconds: maximumSeconds,
            cancellation: cancellation, open: input.reader)
        let isInputRate = output.rate == .input
        let shape = SignalShape(
            channelCount: model.audioChannels, modelRateHz: model.sampleRateHz,
            sampleRateHz: isInputRate ? recording.sampleRateHz : model.sampleRateHz,
            sampleCount: isInputRate ? recording.sampleCount : recording.track.sampleCount)
        let files = try StemFiles(
            outputs,
            stemFile: stemFile.map {
                try StemFileWriter($0, shape: shape, options: output, source: input)
            }, stems: needed.names, shape: shape, options: output,
            tags: output.copiesTags ? input.tags : nil, threads: threads)
        let seed = options.seedOrDrawn()
        var random = PythonRandom(seed: seed)
        let pipeline = try pipeline(
            recording.track, bag: needed.bag, options: options, random: &random,
            cancellation: cancellation)
        while let block = try pipeline.next(progress: progress) { try files.append(block) }
        try input.checkUnchanged()
        return TrackReport(
            seed: options.shifts > 0 ? seed : nil,
            durationSeconds: Double(recording.sampleCount) / Double(recording.sampleRateHz),
            sampleRateHz: recording.sampleRateHz, channelCount: recording.channelCount,
            warnings: recording.warnings, outputs: try files.finish(cancellation: cancellation))
    }

    /// The bag for the stems that signals need, without other stems.
    ///
    /// - Throws: `SeparationError.invalidOption` for a stem that this separator doesn't give, for no
    ///   output at all, and for a common gain with a clip mode that has none.
    private func bag(
        for signals: [StemOutput.Signal], _ options: OutputOptions
    ) throws(SeparationError) -> (bag: Bag, names: [String]) {
        try SeparationError.require(
            options.gain != .common || options.clipMode == .rescale, "gain",
            options.gain.rawValue, "stem, unless the clip mode is rescale")
        let names = signals.flatMap(\.stems)
        for wanted in signals.filter({ $0 != .mixture }).map(\.stems) + [names] {
            try SeparationError.requireStems(wanted, of: model.sources)
        }
        let needed = zip(bag.stems, model.sources).filter { names.contains($0.1) }
        return (bag.giving(needed.map(\.0)), needed.map(\.1))
    }

    // MARK: - Block by block

    /// Makes the first pass over a recording.
    ///
    /// - Parameter open: returns a reader at the beginning of the recording, for each pass; all
    ///   samples finite.
    package func recording(
        excerpt: Excerpt? = nil, downmix: Downmix = .first, maximumSeconds: Double? = nil,
        cancellation: CancellationToken, open: @escaping () throws -> any RecordingReader
    ) throws -> Recording {
        try Recording(
            excerpt: excerpt, channelCount: model.audioChannels, sampleRateHz: model.sampleRateHz,
            downmix: downmix, maximumSeconds: maximumSeconds, cancellation: cancellation, open: open
        )
    }

    /// Starts the separation of a track.
    ///
    /// - Parameters:
    ///   - bag: the wanted stems; `nil` for all.
    ///   - random: generator of the shifts' offsets; its state is then that of Python's generator
    ///     after the reference's separation.
    package func pipeline(
        _ track: Track, bag: Bag? = nil, options: SeparationOptions, random: inout PythonRandom,
        cancellation: CancellationToken
    ) throws -> TrackPipeline {
        try TrackPipeline(
            track, bag: bag ?? self.bag, options: options, random: &random,
            backend: workers[0].backend, workers: networks(cancellation),
            cancellation: cancellation)
    }

    /// Starts the separation of a live track into all stems.
    func livePipeline(
        _ normalization: Normalization, options: SeparationOptions, random: inout PythonRandom,
        cancellation: CancellationToken
    ) throws -> TrackPipeline {
        try TrackPipeline(
            live: bag, normalization: normalization, options: options, random: &random,
            backend: workers[0].backend, workers: networks(cancellation),
            cancellation: cancellation)
    }

    /// The loaded networks of every worker.
    private func networks(_ cancellation: CancellationToken) -> [TrackPipeline.Network] {
        workers.map { worker in
            { member, mix in
                guard let network = worker.networks[member] else {
                    preconditionFailure("only members that are loaded run")
                }
                return try network.forward(mix, observer: cancellation)
            }
        }
    }
}
