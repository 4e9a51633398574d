// A loaded model, and the backends that it runs on: the entry point of the library.

import ModelZoo
import Networks
import Signal
import Synchronization
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

    /// The loaded model.
    public let model: ModelInformation
    /// The networks of all stems; the first model's bag is that of the loaded ones.
    private let bag: Bag
    private let stemSources: StemSources
    /// The loaded followers, by the index in ``stemSources``.
    private let followers: [Int: Separator]
    private let workers: [Worker]
    private let memory = MemoryCheck()

    /// A worker that runs one segment at a time, on its own threads. Workers share the weights.
    private struct Worker: Sendable {
        let backend: Backend
        /// Networks by member of the bag; `nil` for members that no wanted stem needs.
        let networks: [(any SeparationNetwork)?]
    }

    /// In a debug build, says once on standard error that it is slow.
    private static let warnOfDebugBuild: Void = {
        guard !EngineInformation.isOptimized else { return }
        let text =
            "swift-demucs: this is a debug build, thirty times slower than one with '-c release'\n"
        Array(text.utf8).withUnsafeBytes { try? writeAll($0, to: STDERR_FILENO) }
    }()

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
        _ = Self.warnOfDebugBuild
        stemSources = opened.stemSources
        let wanted = stems ?? stemSources.names.all
        try SeparationError.requireStems(wanted, of: stemSources.names.all)
        let names = stemSources.names.all.filter(wanted.contains)
        bag = stemSources.firstBag(for: names)
        followers = try Self.followers(of: opened, stemSources, wanted: names, backends)
        let networks = try opened.networks(running: bag, on: backends[0])
        workers = backends.map { backend in
            Worker(backend: backend, networks: networks.map { $0?.running(on: backend) })
        }
        model = opened.information(stems: names, networks: networks.compactMap(\.self))
        return_freed_memory()
    }

    /// A separator with the weights of another one of the same model, and followers for it.
    ///
    /// - Parameter opened: the model with its followers.
    package init(_ loaded: Separator, followedBy opened: OpenedModel) throws {
        stemSources = opened.stemSources
        for follower in stemSources.followers {
            try SeparationError.requireStems([follower.stem], of: loaded.model.sources)
        }
        bag = loaded.bag
        workers = loaded.workers
        let names = loaded.model.sources + stemSources.followers.flatMap(\.names)
        followers = try Self.followers(
            of: opened, stemSources, wanted: names, workers.map(\.backend))
        model = opened.information(
            stems: names, networks: workers[0].networks.compactMap(\.self))
    }

    private static func followers(
        of opened: OpenedModel, _ sources: StemSources, wanted: [String], _ backends: [Backend]
    ) throws -> [Int: Separator] {
        var followers: [Int: Separator] = [:]
        for (index, follower) in sources.followers.enumerated()
        where follower.names.contains(where: wanted.contains) {
            followers[index] = try Separator(opened.followers[index].model, backends: backends)
        }
        return followers
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

    /// A warning if another precision is as accurate and faster on this CPU; else nil.
    package var precisionWarning: String? {
        let backend = workers[0].backend
        guard precision == .bfloat16, backend.fastestFloatPrecision == .float32 else { return nil }
        return "bfloat16 is no faster than float32 on this CPU (\(backend.instructionSet)); "
            + "use float32, or auto"
    }

    /// All stems that the model has, also those that are not loaded.
    package var stems: ModelStems { stemSources.names }

    package var threads: Int { workers.reduce(0) { $0 + $1.backend.threads } }

    /// Checks options against this model, as `separate` does.
    ///
    /// - Throws: `SeparationError.invalidOption`.
    public func validate(_ options: SeparationOptions) throws {
        _ = try bag.plans(options, trackSamples: 1)
    }

    // MARK: - Separating

    /// Separates a track in memory. Blocks until the stems are complete.
    ///
    /// ``separate(_:excerpt:options:)`` describes parameters and errors.
    /// - Parameters:
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled.
    ///   - progress: called before the first segment, and when each begins and has ended, on the
    ///     calling thread.
    package func separate(
        _ input: AudioInput, excerpt: Excerpt? = nil,
        options: SeparationOptions = SeparationOptions(),
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in }
    ) throws -> Separation {
        let seed = options.seedOrDrawn()
        let (stream, recording) = try begin(
            input, excerpt: excerpt, options: options, seed: seed, cancellation: cancellation)
        var rows = PlanarAudio(
            channelCount: model.sources.count * model.audioChannels,
            sampleRateHz: model.sampleRateHz, capacity: recording.track.sampleCount)
        while let block = try stream.next(progress: progress) { rows.append(block) }
        try input.checkUnchanged()
        return Separation(
            stems: stems(rows), seed: options.shifts > 0 ? seed : nil,
            warnings: recording.warnings)
    }

    /// Reads a track once, and starts the stream of all its stems.
    ///
    /// - Parameter seed: of the shifts' offsets.
    func begin(
        _ input: AudioInput, excerpt: Excerpt?, options: SeparationOptions, seed: UInt64,
        cancellation: CancellationToken
    ) throws -> (stream: SeparationStream, recording: Recording) {
        try options.validate()
        let recording = try recording(
            excerpt: excerpt, cancellation: cancellation, open: input.reader)
        let stream = try SeparationStream(
            self, of: recording, options: options, random: PythonRandom(seed: seed),
            cancellation: cancellation)
        return (stream, recording)
    }

    /// Stems from rows `[stem · channels + channel]`.
    func stems(_ rows: PlanarAudio) -> [Stem] {
        model.sources.enumerated().map { index, name in
            let first = index * model.audioChannels
            return Stem(
                name: name,
                audio: PlanarAudio(
                    channels: Array(rows.channels[first..<first + model.audioChannels]),
                    sampleRateHz: rows.sampleRateHz))
        }
    }

    /// The stems that signals need, in the model's order.
    ///
    /// - Throws: `SeparationError.invalidOption` for a stem that this separator doesn't give, and for
    ///   no output at all.
    package func stems(for signals: [StemSignal]) throws(SeparationError) -> [String] {
        let names = signals.flatMap(\.stems)
        for wanted in signals.filter({ $0 != .mixture }).map(\.stems) + [names] {
            try SeparationError.requireStems(wanted, of: model.sources)
        }
        return model.sources.filter(names.contains)
    }

    // MARK: - Block by block

    /// Makes the first pass over a recording.
    ///
    /// - Parameter open: returns a reader at the beginning of the recording, for each pass; all
    ///   samples finite.
    package func recording(
        excerpt: Excerpt? = nil, downmix: Downmix = .first, maximumSeconds: Double? = nil,
        cancellation: CancellationToken, open: @escaping @Sendable () throws -> any RecordingReader
    ) throws -> Recording {
        try Recording(
            excerpt: excerpt, channelCount: model.audioChannels, sampleRateHz: model.sampleRateHz,
            downmix: downmix, maximumSeconds: maximumSeconds, cancellation: cancellation, open: open
        )
    }

    /// Starts the separation of a track.
    ///
    /// - Parameters:
    ///   - stems: names of the wanted stems, in the model's order; `nil` for all.
    ///   - random: generator of the shifts' offsets; its state is then that of Python's generator
    ///     after the reference's separation.
    ///   - spoolFolder: folder of the temporary file of stems that are separated further; `nil` for
    ///     the system's.
    package func pipeline(
        _ track: Track, stems: [String]? = nil, options: SeparationOptions,
        random: inout PythonRandom, spoolFolder: String? = nil, cancellation: CancellationToken
    ) throws -> StemPipeline {
        let wanted = stems ?? model.sources
        let bag = stemSources.firstBag(for: wanted)
        let first = try trackPipeline(
            track, bag: bag, options: options, random: &random, cancellation: cancellation)
        let ownNames = bag.stems.map { bag.sources[$0] }
        var running: [StemPipeline.Follower] = []
        var places: [String: StemPipeline.Source] = [:]
        var segments: [Int] = []
        for (index, name) in ownNames.enumerated() { places[name] = .first(index) }
        for (index, separator) in followers.sorted(by: { $0.key < $1.key }) {
            let follower = stemSources.followers[index]
            let indices = follower.names.indices.filter { wanted.contains(follower.names[$0]) }
            guard !indices.isEmpty, let stem = ownNames.firstIndex(of: follower.stem) else {
                continue
            }
            for (place, index) in indices.enumerated() {
                places[follower.names[index]] = .follower(running.count, place)
            }
            let parts = follower.bag.giving(indices)
            running.append(StemPipeline.Follower(stem: stem, separator: separator, bag: parts))
            segments.append(
                try parts.work(
                    options.ofFollower(parts), trackSamples: track.sampleCount
                ).segments)
        }
        let pipeline = StemPipeline(
            first, channelCount: model.audioChannels, followers: running,
            sources: wanted.compactMap { places[$0] }, options: options, random: random,
            spoolFolder: spoolFolder, cancellation: cancellation)
        pipeline.expect(segmentsOfFollowers: segments)
        return pipeline
    }

    /// Starts the separation of a track by this model's own networks.
    func trackPipeline(
        _ track: Track, bag: Bag, options: SeparationOptions, random: inout PythonRandom,
        cancellation: CancellationToken
    ) throws -> TrackPipeline {
        try TrackPipeline(
            track, bag: bag, options: options, random: &random,
            backend: workers[0].backend, workers: networks(cancellation),
            cancellation: cancellation)
    }

    /// The passes of a live track with a look-ahead.
    ///
    /// - Parameter stems: names of the wanted stems, in the model's order; `nil` for all.
    /// - Throws: `SeparationError.invalidOption`.
    package func livePasses(_ options: LiveOptions, stems: [String]? = nil) throws -> LivePasses {
        try SeparationError.require(
            followers.isEmpty, "then", followers.count,
            "left out for a live stream: further models need the whole stem")
        let bag = stemSources.firstBag(for: stems ?? model.sources)
        return LivePasses(bag, try LivePlan(options, for: bag))
    }

    /// What live passes with a look-ahead run on.
    var backend: Backend { workers[0].backend }

    /// The networks for windows of live passes, which stay as short as they are.
    package func network(_ cancellation: CancellationToken) -> TrackPipeline.Network {
        let networks = workers[0].networks.map { $0?.withoutPadding() }
        return { [memory] member, mix in
            try Self.run(networks[member], member, mix, memory, passes: 1, cancellation)
        }
    }

    /// The loaded networks of every worker.
    private func networks(_ cancellation: CancellationToken) -> [TrackPipeline.Network] {
        workers.map { worker in
            { [memory, workers] member, mix in
                try Self.run(
                    worker.networks[member], member, mix, memory, passes: workers.count,
                    cancellation)
            }
        }
    }

    private static func run(
        _ network: (any SeparationNetwork)?, _ member: Int, _ mix: Tensor, _ memory: MemoryCheck,
        passes: Int, _ cancellation: CancellationToken
    ) throws -> Tensor {
        guard let network else { preconditionFailure("only members that are loaded run") }
        try memory.check(network, member, mix.shape, passes: passes)
        return try network.forward(mix, observer: cancellation)
    }
}

/// Refuses a pass for which the machine has no memory, before the system ends the process.
package final class MemoryCheck: Sendable {
    private let freeBytes: @Sendable () -> Int?
    /// Samples of the longest mix that was checked, by member of the bag.
    private let checked = Mutex<[Int: Int]>([:])

    /// - Parameter freeBytes: the memory that is left; nil if nobody knows.
    package init(freeBytes: @escaping @Sendable () -> Int? = availableMemoryBytes) {
        self.freeBytes = freeBytes
    }

    /// Refuses a model whose weights the machine, or a limit of this process, has no memory for.
    ///
    /// - Parameter fileBytes: size of its checkpoints. Weights of 16 bits are widened to 32; a limit of
    ///   addresses counts what is freed meanwhile, too.
    /// - Throws: `SeparationError.notEnoughMemory`.
    static func checkLoading(fileBytes: Int) throws(SeparationError) {
        // The C library reserves 64 MB of addresses for each thread, which starts later, beside its stack.
        let needed =
            bytesBelowLimits() == nil
            ? 2 * fileBytes : 8 * fileBytes + countAvailableCores() * 72_000_000
        guard let free = availableMemoryBytes(), needed > free else { return }
        throw .notEnoughMemory(neededBytes: needed, freeBytes: free)
    }

    /// - Parameter passes: passes that run at once.
    /// - Throws: `SeparationError.notEnoughMemory`.
    package func check(
        _ network: some SeparationNetwork, _ member: Int, _ shape: Shape, passes: Int
    ) throws(SeparationError) {
        try checked.withLock { checked throws(SeparationError) in
            guard shape[1] > checked[member] ?? 0 else { return }
            let needed = passes * network.passBytes(shape)
            let free = freeBytes()
            if let free, needed > free {
                throw .notEnoughMemory(neededBytes: needed, freeBytes: free)
            }
            // A process with a limit may not get what the machine has.
            if bytesBelowLimits() != nil, !network.reserve(shape) {
                throw .notEnoughMemory(neededBytes: needed, freeBytes: free ?? 0)
            }
            checked[member] = shape[1]
        }
    }
}
