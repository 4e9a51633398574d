// The library's front door: a loaded model that separates tracks in memory.

import Foundation
import HTDemucs
import Tensor

/// A model that separates tracks into stems.
///
/// ```swift
/// let separator = try Separator(modelAt: "htdemucs.safetensors")
/// let separation = try separator.separate(audio) { print($0.audioSecondsDone) }
/// let vocals = separation["vocals"]
/// ```
///
/// Safe to use from several threads at once; they share its threads.
public final class Separator: Sendable {
    /// Threads that a separator can have.
    public static let supportedThreads = 1...1024

    public let model: ModelInformation
    /// The networks that run; `nil` for those that no wanted stem needs.
    private let networks: [HTDemucs?]
    private let bag: WeightedBag
    private let backend: Backend

    /// Loads a model: a checkpoint, or a bag of several.
    ///
    /// - Parameters:
    ///   - files: what `ModelStore` finds.
    ///   - stems: names of the stems that are wanted; `nil` wants all. Of a bag, only the members
    ///     that have a weight in one of them are loaded and run; with shifts, the stems are the
    ///     same as without this limit.
    ///   - threads: how many cores to use; `nil` takes all that this process may run on. Results are
    ///     the same, bit for bit, for any number.
    ///   - precision: what matrix products run in. Only float32 gives the reference's samples.
    /// - Throws: `WeightsError`, `ConfigurationError`, `BagError`, `SeparationError` for the number
    ///   of threads and unknown stems, and what `EngineInformation` throws.
    public convenience init(
        _ files: ModelFiles, stems: [String]? = nil, threads: Int? = nil,
        precision: Precision = .float32
    ) throws {
        let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
        guard Separator.supportedThreads.contains(threads) else {
            throw SeparationError.invalidOption(
                name: "threads", value: "\(threads)", allowed: "a number from 1 to 1024")
        }
        try self.init(
            files, stems: stems, backend: try Backend(threads: threads, precision: precision))
    }

    /// Loads a model to run on a backend that is there.
    package init(_ files: ModelFiles, stems: [String]? = nil, backend: Backend) throws {
        let members = try BagMembers(files)
        bag = try members.weighted(for: stems)
        self.backend = backend
        networks = try members.networks(running: bag, backend: backend)
        model = members.information(stems: bag.stems)
    }

    /// Loads a model from a file.
    ///
    /// - Parameters:
    ///   - path: a checkpoint of an HTDemucs, in any format that is read.
    ///   - stems: as above.
    ///   - threads: as above.
    ///   - precision: as above.
    /// - Throws: as above.
    public convenience init(
        modelAt path: String, stems: [String]? = nil, threads: Int? = nil,
        precision: Precision = .float32
    ) throws {
        try self.init(
            ModelFiles(checkpoint: path), stems: stems, threads: threads, precision: precision)
    }

    /// Separates a track.
    ///
    /// Audio of another rate or number of channels is converted first: mono is doubled, further
    /// channels are left out. Stems come with the model's rate and channels.
    ///
    /// - Parameters:
    ///   - audio: at least one sample; all samples finite.
    ///   - cancellation: stops the work within a fraction of a segment once it is cancelled.
    ///   - progress: told before the first and after each segment, on the calling thread.
    /// - Throws: `SeparationError` for audio and options that can't be, `AudioError` for channels
    ///   that can't be converted, `CancellationError`.
    public func separate(
        _ audio: AudioBuffer, options: SeparationOptions = SeparationOptions(),
        cancellation: CancellationToken = CancellationToken(),
        progress: (SeparationProgress) -> Void = { _ in }
    ) throws -> Separation {
        try options.validate()
        try audio.checkSamples()
        let track = try audio.converted(
            toChannels: bag.channelCount, rateHz: bag.samplerateHz, on: backend
        ).channels
        let trackSamples = track[0].count
        guard trackSamples > 0 else {
            throw SeparationError.emptyAudio(channels: track.count, samples: 0)
        }

        let seed = options.seedOrDrawn()
        var rows = (0..<bag.stems.count * bag.channelCount).map { _ in
            var row: [Float] = []
            row.reserveCapacity(trackSamples)
            return row
        }
        try TrackPipeline(bag: bag, options: options, seed: seed).run(
            track, backend: backend, cancellation: cancellation, progress: progress,
            network: { member, mix in
                guard let network = networks[member] else {
                    preconditionFailure("only members that are loaded run")
                }
                return try network.forward(mix, cancellation: cancellation)
            },
            sink: { block in
                for index in rows.indices { rows[index].append(contentsOf: block.row(index)) }
            })
        let stems = model.sources.enumerated().map { index, name in
            let first = index * bag.channelCount
            return Stem(
                name: name,
                audio: AudioBuffer(
                    channels: Array(rows[first..<first + bag.channelCount]),
                    sampleRateHz: bag.samplerateHz))
        }
        return Separation(stems: stems, seed: options.shifts > 0 ? seed : nil)
    }

    /// Separates a track without blocking the caller; cancelling its task stops the work.
    ///
    /// - Parameter progress: told before the first and after each segment, on another thread.
    /// - Throws: as the other `separate`.
    public func separate(
        _ audio: AudioBuffer, options: SeparationOptions = SeparationOptions(),
        progress: @escaping @Sendable (SeparationProgress) -> Void = { _ in }
    ) async throws -> Separation {
        let cancellation = CancellationToken()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                // A thread of its own: the work would hold up the few that run tasks.
                Thread.detachNewThread {
                    continuation.resume(
                        with: Result {
                            try self.separate(
                                audio, options: options, cancellation: cancellation,
                                progress: progress)
                        })
                }
            }
        } onCancel: {
            cancellation.cancel()
        }
    }

    /// What it computes with: `avx512, packed products in float32, 2 threads`.
    public var engineDescription: String {
        "\(backend.instructionSet), \(backend.productsDescription) products in "
            + "\(backend.precision.rawValue), \(backend.threads) threads"
    }

    /// Checks options against this model, as `separate` does.
    ///
    /// - Throws: `SeparationError.invalidOption`.
    public func validate(_ options: SeparationOptions) throws {
        for member in bag.members {
            _ = try SegmentPlan(format: member.format, options: options, trackSamples: 1)
        }
    }
}

extension AudioBuffer {
    /// Checks what a user of the library may have got wrong; files are checked when they are read.
    fileprivate func checkSamples() throws {
        guard let first = channels.first, !first.isEmpty else {
            throw SeparationError.emptyAudio(channels: channels.count, samples: 0)
        }
        let rates = AudioReader.supportedRatesHz
        guard rates.contains(sampleRateHz) else {
            throw SeparationError.invalidOption(
                name: "sample rate", value: "\(sampleRateHz)",
                allowed: "a number from \(rates.lowerBound) to \(rates.upperBound) Hz")
        }
        for (index, channel) in channels.enumerated() {
            guard channel.count == first.count else {
                throw SeparationError.unequalChannels(
                    channel: index, samples: channel.count, expectedSamples: first.count)
            }
            // One pass without branches: a sum of zeros is zero, and 0 × infinity or NaN is NaN.
            let zeros = channel.withUnsafeBufferPointer { $0.reduce(0) { $0 + $1 * 0 } }
            guard zeros == 0 else {
                let sample = channel.firstIndex { !$0.isFinite } ?? 0
                throw SeparationError.nonFiniteSample(
                    channel: index, sample: sample, value: "\(channel[sample])")
            }
        }
    }
}
