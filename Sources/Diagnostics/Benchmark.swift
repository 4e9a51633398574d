// How fast a network runs on this machine, and what that costs in memory and accuracy.

import Audio
import Demucs
import Foundation
import HTDemucs
import Signal
import Tensor
import WeightsLoader

/// Times a network on one segment of noise, in one precision after the other.
package struct Benchmark {
    /// What is measured.
    package enum Network: Sendable {
        /// - Parameter segmentSeconds: of a bag that it is part of.
        case checkpoint(path: String, segmentSeconds: Double?)
        /// A configuration with ``SeededWeights``, without a file.
        case random(Configuration)

        /// INT8 for a checkpoint with INT8 weights, else float32.
        ///
        /// - Throws: `WeightsError`.
        package func ownPrecision() throws -> Precision {
            guard case .checkpoint(let path, _) = self else { return .float32 }
            return try Checkpoint.open(path).isQuantized ? .int8 : .float32
        }
    }

    /// What was measured in one precision.
    package struct Measurement: Sendable {
        package let precision: Precision
        /// Whether float32 weights came from a float16 file.
        package let isWidened: Bool
        package let threads: Int
        package let instructionSet: String
        /// What multiplies: `packed`, or a BLAS with its core.
        package let products: String
        /// Of the checkpoint; of random weights what their values take in this precision.
        package internal(set) var fileBytes: Int
        /// From nothing to a network that is ready; with random weights, drawing them too.
        package let loadSeconds: Double
        /// A whole forward pass with both transforms, each of the runs.
        package let segmentSeconds: [Double]
        /// Length of the segment.
        package let audioSeconds: Double
        /// Of the segment, see `Configuration.segmentOperations`.
        package let operations: Double
        package let peakOperationsPerSecond: Double
        /// What memory can move.
        package let memoryBytesPerSecond: Double
        /// Of the process until the end of the runs.
        package let peakResidentBytes: Int
        /// 10·log10(Σ reference² / Σ (reference − stem)²) of the worst stem, the reference being
        /// float32 in this process; infinite for float32 itself.
        package internal(set) var worstDecibels: Double
        package let blocks: [BlockTime]
        /// nil if no track was given.
        package internal(set) var track: TrackTime?

        package var medianSeconds: Double { median(segmentSeconds) }
        /// Seconds of audio in a second.
        package var realtimeFactor: Double { audioSeconds / medianSeconds }
        package var operationsPerSecond: Double { operations / medianSeconds }
        package var shareOfPeak: Double { operationsPerSecond / peakOperationsPerSecond }
    }

    /// A block's part of the segment.
    package struct BlockTime: Sendable {
        package let block: NetworkBlock
        /// Median of the runs.
        package let seconds: Double
        package let operations: Double
        /// What it reads and writes at least.
        package let bytes: Double
    }

    /// A track that is separated besides.
    package struct Track {
        let audio: PlanarAudio
        /// The SDR of each stem in dB, by its name.
        let score: ((Separation) throws -> [String: Double])?

        package init(
            _ audio: PlanarAudio, score: ((Separation) throws -> [String: Double])? = nil
        ) {
            self.audio = audio
            self.score = score
        }
    }

    /// A whole track, from its samples to those of its stems.
    package struct TrackTime: Sendable {
        package let audioSeconds: Double
        package let seconds: Double
        /// Of the process until its end.
        package let peakResidentBytes: Int
        /// Of each stem in dB, by its name; nil if there was nothing to compare with.
        package let sdr: [String: Double]?

        /// Seconds of audio in a second.
        package var realtimeFactor: Double { audioSeconds / seconds }
    }

    private let network: Network
    private let threads: Int
    private let runs: Int
    private let track: Track?

    /// - Parameters:
    ///   - threads: at least 1.
    ///   - runs: of the segment, at least 1, after one that doesn't count.
    ///   - track: is separated as well, once, without shifts, if the network is a checkpoint.
    package init(_ network: Network, threads: Int, runs: Int, track: Track? = nil) {
        self.track = track
        self.network = network
        self.threads = threads
        self.runs = runs
    }

    /// Measures in each of the precisions.
    ///
    /// - Parameter widensHalf: whether to measure float32 with the weights from a float16 file too,
    ///   unless they are INT8.
    /// - Returns: one measurement for each, in the order of `Precision.allCases`, then that one.
    /// - Throws: what opening and building a network throws, what the track's score throws, and
    ///   `CancellationError`.
    package func measure(
        _ precisions: Set<Precision>, widensHalf: Bool = false, cancellation: CancellationToken,
        report: (Precision) -> Void = { _ in }
    ) throws -> [Measurement] {
        var measured: [(measurement: Measurement, stems: [[Float]])] = []
        // The one that needs the least memory first: a process's peak never falls. Float32 is what
        // the others are compared with.
        for precision in Precision.allCases.reversed() where precisions.contains(precision) {
            report(precision)
            let source = BenchmarkSource(network, isHalf: false)
            measured.insert(
                try measure(source, precision, cancellation: cancellation), at: 0)
        }
        if widensHalf {
            try BenchmarkSource.withHalf(of: network) { source in
                report(.float32)
                measured.append(try measure(source, .float32, cancellation: cancellation))
            }
        }
        let float32 = measured.first {
            $0.measurement.precision == .float32 && !$0.measurement.isWidened
        }
        let reference = try float32?.stems ?? self.reference(cancellation: cancellation)
        return try measured.map { measurement, stems in
            var measurement = measurement
            measurement.worstDecibels = Self.worstDecibels(stems, reference)
            // Not before all is measured: it takes memory.
            if case .random(let configuration) = network {
                measurement.fileBytes = try Self.valueBytes(
                    configuration, measurement.isWidened ? nil : measurement.precision)
            }
            return measurement
        }
    }

    private func measure(
        _ source: BenchmarkSource, _ precision: Precision, cancellation: CancellationToken
    ) throws -> (Measurement, stems: [[Float]]) {
        var (measurement, stems) = try measureSegment(source, precision, cancellation)
        // Loads the network again, when the first one is gone.
        measurement.track = try measureTrack(source, precision, cancellation: cancellation)
        return (measurement, stems)
    }

    private func measureSegment(
        _ source: BenchmarkSource, _ precision: Precision, _ cancellation: CancellationToken
    ) throws -> (Measurement, stems: [[Float]]) {
        let fileBytes = try source.fileBytes()
        let start = ContinuousClock.now
        let network = try source.load(precision, threads: threads)
        let loadSeconds = start.secondsSince
        let (configuration, backend) = (network.configuration, network.backend)
        let mix = Self.noise(configuration, on: backend)

        var stems = try network.forward(mix, observer: cancellation)
        var segmentSeconds: [Double] = []
        let clock = BlockClock(cancellation)
        for _ in 0..<runs {
            clock.begin()
            let begun = ContinuousClock.now
            stems = try network.forward(mix, observer: clock)
            segmentSeconds.append(begun.secondsSince)
        }
        let peakResidentBytes = Self.peakResidentBytes()
        let peak = Self.peakOperationsPerSecond(backend)
        let memory = Self.memoryBytesPerSecond(backend)
        let measurement = Measurement(
            precision: precision, isWidened: source.isHalf, threads: backend.threads,
            instructionSet: backend.instructionSet, products: backend.productsDescription,
            fileBytes: fileBytes, loadSeconds: loadSeconds, segmentSeconds: segmentSeconds,
            audioSeconds: Double(configuration.segmentSamples) / Double(configuration.samplerate),
            operations: configuration.segmentOperations,
            peakOperationsPerSecond: peak, memoryBytesPerSecond: memory,
            peakResidentBytes: peakResidentBytes, worstDecibels: .infinity,
            blocks: clock.times(configuration, precision), track: nil)
        return (measurement, Self.rows(stems))
    }

    private func measureTrack(
        _ source: BenchmarkSource, _ precision: Precision, cancellation: CancellationToken
    ) throws -> TrackTime? {
        guard let track, case .checkpoint(let path, let segmentSeconds) = source.network else {
            return nil
        }
        let separator = try Separator(modelAt: path, threads: threads, precision: precision)
        let options = SeparationOptions(shifts: 0, segmentSeconds: segmentSeconds)
        let begun = ContinuousClock.now
        let separation = try separator.separate(
            track.audio, options: options, cancellation: cancellation)
        let seconds = begun.secondsSince
        let peakResidentBytes = Self.peakResidentBytes()
        return TrackTime(
            audioSeconds: track.audio.durationSeconds, seconds: seconds,
            peakResidentBytes: peakResidentBytes, sdr: try track.score?(separation))
    }

    /// One segment, the same in every run.
    private static func noise(_ configuration: Configuration, on backend: Backend) -> Tensor {
        var draws = SeededDraws("mix")
        let shape = [configuration.audioChannels, configuration.segmentSamples]
        return backend.tensor(
            shape, (0..<shape[0] * shape[1]).map { _ in draws.next(in: -0.2...0.2) })
    }

    // MARK: - Accuracy

    /// The stems of float32.
    private func reference(cancellation: CancellationToken) throws -> [[Float]] {
        let network = try BenchmarkSource(network, isHalf: false).load(.float32, threads: threads)
        let mix = Self.noise(network.configuration, on: network.backend)
        return Self.rows(try network.forward(mix, observer: cancellation))
    }

    /// `[sources, audioChannels, samples]` by source.
    private static func rows(_ stems: Tensor) -> [[Float]] {
        let (values, length) = (stems.floats, stems.shape[1] * stems.shape[2])
        return (0..<stems.shape[0]).map { Array(values[$0 * length..<($0 + 1) * length]) }
    }

    private static func worstDecibels(_ stems: [[Float]], _ reference: [[Float]]) -> Double {
        zip(stems, reference).map { stem, reference in
            var (signal, noise) = (0.0, 0.0)
            for (value, wanted) in zip(stem, reference) {
                let error = Double(wanted) - Double(value)
                signal += Double(wanted) * Double(wanted)
                noise += error * error
            }
            return noise == 0 ? .infinity : 10 * log10(signal / noise)
        }.min() ?? .infinity
    }

    // MARK: - Memory

    /// The most memory that this process has held at once.
    private static func peakResidentBytes() -> Int {
        var usage = rusage()
        #if canImport(Glibc)
            getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        #else
            getrusage(RUSAGE_SELF, &usage)
        #endif
        #if canImport(Darwin)
            return usage.ru_maxrss
        #else
            return usage.ru_maxrss * 1024
        #endif
    }
}

/// Collects how long each block took in each run.
private final class BlockClock: ForwardObserver {
    private let cancellation: CancellationToken
    private var order: [NetworkBlock] = []
    /// A run's sum for each block, as some come twice.
    private var seconds: [NetworkBlock: [Double]] = [:]
    private var run = 0
    private var begun = ContinuousClock.now

    init(_ cancellation: CancellationToken) { self.cancellation = cancellation }

    func begin() {
        run += 1
        begun = ContinuousClock.now
    }

    func completed(_ block: NetworkBlock) throws {
        try cancellation.check()
        let passed = begun.secondsSince
        if seconds[block] == nil { order.append(block) }
        var runs = seconds[block] ?? []
        if runs.count < run { runs.append(0) }
        runs[run - 1] += passed
        seconds[block] = runs
        begun = ContinuousClock.now
    }

    func times(_ configuration: Configuration, _ precision: Precision) -> [Benchmark.BlockTime] {
        let weightBytes =
            switch precision {
            case .float32: 4
            case .bfloat16: 2
            case .int8: 1
            }
        return order.map { block in
            Benchmark.BlockTime(
                block: block, seconds: median(seconds[block] ?? []),
                operations: configuration.segmentOperations(of: block),
                bytes: configuration.segmentBytes(of: block, weightBytes: weightBytes))
        }
    }
}
