// Benchmark: the speed of a network on this machine, its memory and its accuracy.

import Audio
import Demucs
import Networks
import Quantization
import Signal
import System
import Tensor
import WeightsLoader

/// Times a network on one segment of noise in several precisions, and on a track if one is given.
package struct Benchmark {
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

    /// Stems `[sources, audioChannels, samples]`, row-major, copied out of the network's memory.
    private typealias Stems = (values: [Float], count: Int)

    private let network: Network
    private let threads: Int
    private let runs: Int
    private let track: Track?

    /// - Parameters:
    ///   - threads: at least 1.
    ///   - runs: number of runs of the segment, at least 1, after a warm-up run.
    ///   - track: a track to separate once, without shifts, if the network is a checkpoint.
    package init(_ network: Network, threads: Int, runs: Int, track: Track? = nil) {
        self.network = network
        self.threads = threads
        self.runs = runs
        self.track = track
    }

    /// Measures the network in each of the precisions.
    ///
    /// - Parameters:
    ///   - includesFloat16File: whether to measure float32 also with weights from a float16 file,
    ///     if the weights are not INT8.
    ///   - report: called before each measurement.
    /// - Returns: a measurement for each precision in the order of `Precision.allCases`, then the
    ///   measurement with the float16 file.
    /// - Throws: errors of loading the network and of the track's score; `CancellationError`.
    package func measure(
        _ precisions: Set<Precision>, includesFloat16File: Bool = false,
        cancellation: CancellationToken, report: (Precision) -> Void = { _ in }
    ) throws -> [Measurement] {
        var measured: [(measurement: Measurement, stems: Stems)] = []
        // Where a process's peak memory can't be reset, the precision with the least runs first.
        for precision in Precision.allCases.reversed() where precisions.contains(precision) {
            report(precision)
            measured.insert(try measure(Source(network: network), precision, cancellation), at: 0)
        }
        if includesFloat16File {
            try Source.withFloat16(of: network) { source in
                report(.float32)
                measured.append(try measure(source, .float32, cancellation))
            }
        }
        let float32 = measured.first {
            $0.measurement.precision == .float32 && !$0.measurement.isFromFloat16
        }
        let reference = try float32?.stems ?? self.reference(cancellation)
        return try measured.map { measurement, stems in
            var measurement = measurement
            measurement.worstSNRDecibels =
                SignalToNoise.perStem(stems.values, against: reference.values, count: stems.count)
                .worstDecibels
            // Takes memory, so it runs after all peaks are measured.
            if case .random(let configuration) = network {
                measurement.fileBytes = try Self.valueBytes(
                    configuration, measurement.isFromFloat16 ? nil : measurement.precision)
            }
            return measurement
        }
    }

    private func measure(
        _ source: Source, _ precision: Precision, _ cancellation: CancellationToken
    ) throws -> (Measurement, Stems) {
        var (measurement, stems) = try measureSegment(source, precision, cancellation)
        // The track loads the network again, after the memory of the first one has been freed.
        measurement.track = try measureTrack(source, precision, cancellation)
        return (measurement, stems)
    }

    private func measureSegment(
        _ source: Source, _ precision: Precision, _ cancellation: CancellationToken
    ) throws -> (Measurement, Stems) {
        let fileBytes = try source.fileBytes()
        restartPeakResidentBytes()
        let start = ContinuousClock.now
        let (configuration, network) = try source.load(precision, threads: threads)
        let loadSeconds = start.secondsSince
        let (rules, backend) = (configuration.trackRules, network.backend)
        let loadBytes = peakResidentBytes()
        restartPeakResidentBytes()
        let estimatedBytes = max(
            loadBytes,
            peakResidentBytes() + network.passBytes([rules.audioChannels, rules.segmentSamples]))
        let mix = Self.noise(rules, on: backend)

        var stems = try network.forward(mix, observer: cancellation)
        var segmentSeconds: [Double] = []
        let clock = BlockClock(cancellation)
        for _ in 0..<runs {
            clock.beginRun()
            let begun = ContinuousClock.now
            stems = try network.forward(mix, observer: clock)
            segmentSeconds.append(begun.secondsSince)
        }
        let peakBytes = max(loadBytes, peakResidentBytes())
        let rates = MachineRates(backend)
        let measurement = Measurement(
            precision: precision, isFromFloat16: source.isFloat16, threads: backend.threads,
            instructionSet: backend.instructionSet, products: backend.productsDescription,
            fileBytes: fileBytes, loadSeconds: loadSeconds, segmentSeconds: segmentSeconds,
            audioSeconds: Double(rules.segmentSamples) / Double(rules.sampleRateHz),
            peakOperationsPerSecond: rates.operationsPerSecond,
            memoryBytesPerSecond: rates.memoryBytesPerSecond, loopSeconds: rates.loopSeconds,
            peakResidentBytes: peakBytes, estimatedPeakBytes: estimatedBytes,
            worstSNRDecibels: .infinity,
            blocks: clock.times(configuration, precision), track: nil)
        return (measurement, (stems.floats, stems.shape[0]))
    }

    private func measureTrack(
        _ source: Source, _ precision: Precision, _ cancellation: CancellationToken
    ) throws -> TrackTime? {
        guard let track, case .checkpoint(let files) = source.network else { return nil }
        restartPeakResidentBytes()
        let separator = try Separator(
            OpenedModel(files), threads: threads, precision: precision)
        let options = SeparationOptions(shifts: 0)
        let begun = ContinuousClock.now
        let separation = try separator.separate(
            AudioInput(track.audio), options: options, cancellation: cancellation)
        let seconds = begun.secondsSince
        return TrackTime(
            audioSeconds: track.audio.durationSeconds, seconds: seconds,
            peakResidentBytes: peakResidentBytes(), sdr: try track.score?(separation))
    }

    /// The stems in float32.
    private func reference(_ cancellation: CancellationToken) throws -> Stems {
        let (configuration, network) = try Source(network: network).load(
            .float32, threads: threads)
        let mix = Self.noise(configuration.trackRules, on: network.backend)
        let stems = try network.forward(mix, observer: cancellation)
        return (stems.floats, stems.shape[0])
    }

    /// One segment of noise, `[audioChannels, samples]`, the same in every run.
    private static func noise(_ rules: TrackRules, on backend: Backend) -> Tensor {
        var draws = SeededDraws("mix")
        let shape = [rules.audioChannels, rules.segmentSamples]
        return backend.tensor(shape, draws.next(shape[0] * shape[1], in: -0.2...0.2))
    }
}
