// The library's front door: a loaded model, and what it runs on.

import Audio
import Foundation
import HTDemucs
import ModelZoo
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
    let bag: WeightedBag
    /// Each runs one segment at a time, on threads of its own.
    private let lanes: [Lane]

    /// A lane's networks, `nil` for those that no wanted stem needs. Lanes share the weights.
    private struct Lane: Sendable {
        let backend: Backend
        let networks: [HTDemucs?]
    }

    /// Loads a model: a checkpoint, or a bag of several.
    ///
    /// - Parameters:
    ///   - files: what `ModelStore` finds.
    ///   - stems: names of the stems that are wanted; `nil` wants all. Of a bag, only the members
    ///     that have a weight in one of them are loaded and run; with shifts, the stems are the
    ///     same as without this limit.
    ///   - threads: how many cores to use; `nil` takes all that this process may run on. Results are
    ///     the same, bit for bit, for any number.
    ///   - segmentsInParallel: how many segments of a track run at once, sharing the threads; no
    ///     more than there are threads. Each takes the memory of a forward pass. Results are the
    ///     same, bit for bit, for any number.
    ///   - precision: what matrix products run in. Only float32 gives the reference's samples.
    /// - Throws: `WeightsError`, `ConfigurationError`, `BagError`, `SeparationError` for the number
    ///   of threads or segments and unknown stems, and what `EngineInformation` throws.
    public convenience init(
        _ files: ModelFiles, stems: [String]? = nil, threads: Int? = nil,
        segmentsInParallel: Int = 1, precision: Precision = .float32
    ) throws {
        let threads = threads ?? ProcessInfo.processInfo.activeProcessorCount
        guard Separator.supportedThreads.contains(threads) else {
            throw SeparationError.invalidOption(
                name: "threads", value: "\(threads)", allowed: "a number from 1 to 1024")
        }
        guard segmentsInParallel >= 1 else {
            throw SeparationError.invalidOption(
                name: "jobs", value: "\(segmentsInParallel)", allowed: "a number from 1")
        }
        let lanes = min(segmentsInParallel, threads)
        try self.init(
            files, stems: stems,
            backends: (0..<lanes).map { lane in
                // What is left over after a fair share goes to the first lanes.
                try Backend(
                    threads: threads / lanes + (lane < threads % lanes ? 1 : 0),
                    precision: precision)
            })
    }

    /// Loads a model to run on backends that are there, of one precision; a segment at once on each.
    package init(_ files: ModelFiles, stems: [String]? = nil, backends: [Backend]) throws {
        let members = try BagMembers(files)
        bag = try members.weighted(for: stems)
        let networks = try members.networks(running: bag, backend: backends[0])
        lanes = backends.map { backend in
            Lane(backend: backend, networks: networks.map { $0?.running(on: backend) })
        }
        model = members.information(stems: bag.stems)
    }

    /// Loads a model from a file.
    ///
    /// - Parameters:
    ///   - path: a checkpoint of an HTDemucs, in any format that is read.
    ///   - stems: as above.
    ///   - threads: as above.
    ///   - segmentsInParallel: as above.
    ///   - precision: as above.
    /// - Throws: as above.
    public convenience init(
        modelAt path: String, stems: [String]? = nil, threads: Int? = nil,
        segmentsInParallel: Int = 1, precision: Precision = .float32
    ) throws {
        try self.init(
            ModelFiles(checkpoint: path), stems: stems, threads: threads,
            segmentsInParallel: segmentsInParallel, precision: precision)
    }

    /// What it computes with: `avx512, packed products in float32, 2 threads`.
    public var engineDescription: String {
        let backend = lanes[0].backend
        let shared = lanes.count == 1 ? "" : ", \(lanes.count) segments at once"
        return "\(backend.instructionSet), \(backend.productsDescription) products in "
            + "\(backend.precision.rawValue), \(threads) threads\(shared)"
    }

    /// Of all lanes.
    var threads: Int { lanes.reduce(0) { $0 + $1.backend.threads } }

    /// Checks options against this model, as `separate` does.
    ///
    /// - Throws: `SeparationError.invalidOption`.
    public func validate(_ options: SeparationOptions) throws {
        for member in bag.members {
            _ = try SegmentPlan(format: member.format, options: options, trackSamples: 1)
        }
    }

    /// A track as this model takes it.
    func recording(
        downmix: Downmix = .first, open: @escaping () throws -> any RecordingReader
    ) -> Recording {
        Recording(
            open: open, channelCount: model.audioChannels, rateHz: model.sampleRateHz,
            downmix: downmix)
    }

    /// Separates a measured track into the stems of a bag, block by block.
    func run(
        _ track: NormalizedSource, bag: WeightedBag, options: SeparationOptions, seed: UInt64,
        cancellation: CancellationToken, progress: (SeparationProgress) -> Void,
        sink: (StemBlock) throws -> Void
    ) throws {
        let networks = lanes.map { lane -> TrackPipeline.Network in
            { member, mix in
                guard let network = lane.networks[member] else {
                    preconditionFailure("only members that are loaded run")
                }
                return try network.forward(mix, observer: cancellation)
            }
        }
        try TrackPipeline(bag: bag, options: options, seed: seed).run(
            track, backend: lanes[0].backend, lanes: networks, cancellation: cancellation,
            progress: progress, sink: sink)
    }
}
