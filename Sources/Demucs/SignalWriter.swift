// One signal on its way from separated stems into a file.

import Audio
import HTDemucs
import Signal

/// Takes a signal block by block: adds it up from stems, resamples it, finds its peak, and either
/// encodes it at once or spools it until the peak is known.
///
/// Touched by one thread at a time, which need not always be the same.
final class SignalWriter: @unchecked Sendable {
    /// Where the signal's samples are taken from a block, by index of the separated stems.
    private enum Source {
        case sum([Int])
        case mixtureMinus([Int])
    }

    /// What a file is going to hold.
    struct Shape {
        let channelCount: Int
        let modelRateHz: Int
        let sampleRateHz: Int
        let sampleCount: Int
    }

    private let output: StemOutput
    private let options: OutputOptions
    private let source: Source
    private let shape: Shape
    private let tags: AudioTags?
    private var resampling: ResamplingStream
    private var spool: SampleSpool?
    private var writer: AudioWriter?

    /// The largest magnitude so far.
    private(set) var peak: Float = 0

    /// - Parameters:
    ///   - stems: names of the stems in a block, in their order.
    ///   - tags: what to write into the file.
    /// - Throws: `AudioError.unwritable`.
    init(
        _ output: StemOutput, stems: [String], shape: Shape, options: OutputOptions,
        tags: AudioTags?
    ) throws {
        self.output = output
        self.options = options
        self.shape = shape
        self.tags = tags
        func indices(_ names: [String]) -> [Int] {
            stems.indices.filter { names.contains(stems[$0]) }
        }
        source =
            switch output.signal {
            case .stem(let name): .sum(indices([name]))
            case .sum(let names): .sum(indices(names))
            case .mixtureMinus(let names): .mixtureMinus(indices(names))
            }
        resampling = ResamplingStream(
            Resampler(from: shape.modelRateHz, to: shape.sampleRateHz),
            channelCount: shape.channelCount, outputCount: shape.sampleCount)
        if options.clipMode == .rescale {
            spool = try SampleSpool(
                in: output.spoolFolder(options), channelCount: shape.channelCount)
        } else {
            writer = try makeWriter(options.clipMode.clipping(peak: 0))
        }
    }

    private func makeWriter(_ clipping: Clipping) throws(AudioError) -> AudioWriter {
        try AudioWriter(
            to: output.destination, channelCount: shape.channelCount,
            sampleRateHz: shape.sampleRateHz, sampleCount: shape.sampleCount,
            format: options.format, clipping: clipping, tags: tags)
    }

    /// Takes the next samples.
    func append(_ block: StemBlock) throws {
        let signal = (0..<shape.channelCount).map { samples(of: block, channel: $0) }
        var resampled = [[Float]](repeating: [], count: shape.channelCount)
        resampling.append(signal, into: &resampled)
        try put(resampled)
    }

    /// Takes the end of the signal, after which ``peak`` is that of the whole.
    func end() throws {
        var rest = [[Float]](repeating: [], count: shape.channelCount)
        resampling.finish(into: &rest)
        try put(rest)
        try spool?.finish()
    }

    /// Completes the file.
    ///
    /// - Parameter commonPeak: of all signals, if they share a gain.
    func finish(commonPeak: Float?, cancellation: CancellationToken) throws -> TrackReport.Output {
        var gain: Float = 1
        if let spool {
            let clipping = options.clipMode.clipping(peak: commonPeak ?? peak)
            if case .divide(let divisor) = clipping { gain = 1 / divisor }
            let writer = try makeWriter(clipping)
            self.writer = writer
            let reader = spool.reader()
            while let block = try reader.next() {
                try cancellation.check()
                try writer.append(block)
            }
            self.spool = nil
        }
        guard let writer else { preconditionFailure("there is a writer from here on") }
        try writer.finish()
        guard let written = writer.result else { preconditionFailure("finished") }
        return TrackReport.Output(
            name: output.name, path: output.path, peak: peak, gain: gain,
            durationSeconds: Double(shape.sampleCount) / Double(shape.sampleRateHz),
            sha256: written.sha256, bytes: written.count)
    }

    private func put(_ channels: [[Float]]) throws {
        for channel in channels {
            peak = channel.reduce(peak) { max($0, abs($1)) }
        }
        try spool?.append(channels)
        try writer?.append(channels)
    }

    private func samples(of block: StemBlock, channel: Int) -> [Float] {
        func row(_ stem: Int) -> ArraySlice<Float> {
            block.row(stem * shape.channelCount + channel)
        }
        /// From zero, stem by stem, as the reference adds up "no_vocals".
        func sum(_ stems: [Int]) -> [Float] {
            if stems.count == 1 { return Array(row(stems[0])) }
            var sum = [Float](repeating: 0, count: block.sampleCount)
            for stem in stems {
                for (index, sample) in zip(sum.indices, row(stem)) { sum[index] += sample }
            }
            return sum
        }
        switch source {
        case .sum(let stems): return sum(stems)
        case .mixtureMinus(let stems):
            return zip(block.mixture[channel], sum(stems)).map { $0 - $1 }
        }
    }
}
