// Minima and maxima of short blocks of samples, from which a page draws stems without decoding
// them.

import Audio
import Signal
import System

struct Waveforms {
    /// Samples of a block: 6 ms at 44,100 Hz.
    static let blockSamples = 256
    /// Blocks of a coarse block, between which the edges of overviews lie: 0.2 s.
    static let coarseBlocks = 32

    /// The waveform of one stem, filled from its beginning.
    struct Stem: Sendable {
        let sampleRateHz: Int
        /// Samples of each channel so far.
        private(set) var sampleCount = 0
        /// Extremes of each block, `[channel][block]`.
        private var minima: [[Float]]
        private var maxima: [[Float]]

        init(channelCount: Int, sampleRateHz: Int) {
            self.sampleRateHz = sampleRateHz
            minima = [[Float]](repeating: [], count: channelCount)
            maxima = minima
        }

        /// Computes the waveform of a stem by decoding it.
        ///
        /// - Parameter goOn: called for each block; its error ends the work.
        init(_ reader: any RecordingReader, goOn: () throws -> Void) throws {
            self.init(channelCount: reader.channelCount, sampleRateHz: reader.sampleRateHz)
            while let block = try reader.next() {
                try goOn()
                append(block)
            }
        }

        /// Takes the next samples.
        mutating func append(_ audio: PlanarAudio) {
            for (channel, samples) in audio.channels.enumerated() {
                var start = 0
                while start < samples.count {
                    let block = (sampleCount + start) / Waveforms.blockSamples
                    let end = min(samples.count, (block + 1) * Waveforms.blockSamples - sampleCount)
                    let least = samples[start..<end].min() ?? 0
                    let greatest = samples[start..<end].max() ?? 0
                    if block < minima[channel].count {
                        minima[channel][block] = min(minima[channel][block], least)
                        maxima[channel][block] = max(maxima[channel][block], greatest)
                    } else {
                        minima[channel].append(least)
                        maxima[channel].append(greatest)
                    }
                    start = end
                }
            }
            sampleCount += audio.sampleCount
        }

        /// The extremes as 8-bit numbers, −128…127 for −1…1.
        ///
        /// - Parameters:
        ///   - gain: of the stem's file.
        ///   - format: of the file's samples.
        ///   - blocks: number of blocks; missing ones are silent.
        fileprivate func rows(gain: Float, format: SampleFormat, blocks: Int) -> [Row] {
            func values(_ row: [Float]) -> [Int8] {
                let values = row.prefix(blocks).map {
                    Int8(max(-128, min(127, (format.rounded($0 * gain) * 128).rounded())))
                }
                return values + [Int8](repeating: 0, count: blocks - values.count)
            }
            return zip(minima, maxima).map { Row(least: values($0), greatest: values($1)) }
        }
    }

    fileprivate struct Row {
        let least: [Int8]
        let greatest: [Int8]
    }

    let sampleRateHz: Int
    /// Samples of each channel of every stem.
    let sampleCount: Int
    /// `[stem][channel]`, in blocks.
    private let rows: [[Row]]

    var stemCount: Int { rows.count }

    private static func blockCount(_ samples: Int) -> Int {
        (samples + blockSamples - 1) / blockSamples
    }

    /// - Parameters:
    ///   - stems: at least one, all equally long.
    ///   - gains: of the stems' files; nil for files that were decoded, and for growing stems.
    ///   - format: of the samples in the files that the stems are written to.
    ///   - sampleCount: the length of growing stems at their end; nil for that of the stems.
    init(
        _ stems: [Stem], gains: [Float]? = nil, format: SampleFormat = .float32,
        sampleCount: Int? = nil
    ) {
        let samples = sampleCount ?? stems[0].sampleCount
        sampleRateHz = stems[0].sampleRateHz
        self.sampleCount = samples
        rows = stems.enumerated().map { index, stem in
            stem.rows(
                gain: gains?[index] ?? 1, format: format, blocks: Waveforms.blockCount(samples))
        }
    }

    // MARK: - For clients

    /// JSON of a part of the stems, whose edges lie between blocks; point i of N covers the blocks from i·B/N
    /// to (i + 1)·B/N.
    ///
    /// - Parameters:
    ///   - mostPoints: the most points for the part.
    ///   - names: names of the stems.
    ///   - readySeconds: the finished part of growing stems; nil for all.
    func json(
        _ range: TimeRange, mostPoints: Int, names: [String], readySeconds: Double?
    ) -> [UInt8] {
        let (rate, seconds) = (Double(sampleRateHz), Double(sampleCount) / Double(sampleRateHz))
        let samples = range.samples(rateHz: sampleRateHz).clamped(to: 0..<sampleCount)
        let fine =
            samples.lowerBound / Waveforms.blockSamples..<Waveforms.blockCount(samples.upperBound)
        // Coarse blocks, if there is one for each point at least.
        let isCoarse = fine.count / Waveforms.coarseBlocks >= mostPoints
        let size = isCoarse ? Waveforms.coarseBlocks : 1
        let blocks = fine.lowerBound / size..<(fine.upperBound + size - 1) / size
        let points = min(mostPoints, blocks.count)
        func second(_ block: Int) -> Double {
            Double(min(sampleCount, block * size * Waveforms.blockSamples)) / rate
        }
        func list(_ values: [Int8], _ extreme: (ArraySlice<Int8>) -> Int8?) -> String {
            (0..<points).map { point in
                let start = blocks.lowerBound + point * blocks.count / points
                let end = blocks.lowerBound + (point + 1) * blocks.count / points
                return String(extreme(values[start * size..<min(end * size, values.count)]) ?? 0)
            }.joined(separator: ",")
        }
        var text =
            "{\"duration_seconds\":\(readySeconds ?? seconds),\"from\":\(second(blocks.lowerBound)),"
            + "\"points\":\(points),\"stems\":["
        for (index, channels) in rows.enumerated() {
            text += index == 0 ? "" : ","
            text += "{\"channels\":["
            for (channel, row) in channels.enumerated() {
                let (least, greatest) = (
                    list(row.least) { $0.min() }, list(row.greatest) { $0.max() }
                )
                text += channel == 0 ? "" : ","
                text += "{\"max\":[\(greatest)],\"min\":[\(least)]}"
            }
            text += "],\"name\":\(names[index].quotedAsJSON)}"
        }
        return Array((text + "],\"to\":\(second(blocks.upperBound))}").utf8)
    }

    /// The schema of ``json(_:mostPoints:names:readySeconds:)``.
    static let schema: JSONSchema = {
        let values = JSONSchema.list(of: .integer(in: Int(Int8.min)...Int(Int8.max)))
        let channels = JSONSchema.list(of: .fields(["min": values, "max": values]))
        return .fields([
            "points": .integer,
            "duration_seconds": .number.about("Of a running job, the finished part."),
            "from": .number.about("Seconds at which the first point begins."),
            "to": .number.about("Seconds at which the last point ends."),
            "stems": .list(of: .fields(["name": .string, "channels": channels])),
        ])
    }()

    // MARK: - In the cache

    /// Bytes for the cache: four numbers of 8 bytes (stems, channels, samples, rate), then the minima
    /// and maxima of each channel of each stem.
    var stored: [UInt8] {
        let numbers = [rows.count, rows.first?.count ?? 0, sampleCount, sampleRateHz]
        var bytes = numbers.flatMap { number in
            withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
        }
        for row in rows.flatMap({ $0 }) {
            for values in [row.least, row.greatest] {
                values.withUnsafeBytes { bytes.append(contentsOf: $0) }
            }
        }
        return bytes
    }

    /// - Returns: nil for bytes that ``stored`` did not write.
    init?(stored bytes: [UInt8]) {
        func number(_ index: Int) -> Int? {
            guard (index + 1) * 8 <= bytes.count else { return nil }
            return bytes[index * 8..<index * 8 + 8].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        guard let count = number(0), let channels = number(1), let samples = number(2),
            let rate = number(3), (1...1000).contains(count), (1...64).contains(channels),
            (1...1 << 40).contains(samples), rate > 0
        else { return nil }
        let blocks = Waveforms.blockCount(samples)
        guard bytes.count == 32 + count * channels * blocks * 2 else { return nil }
        var offset = 32
        func take() -> [Int8] {
            defer { offset += blocks }
            return bytes.withUnsafeBytes { bytes in
                Array(
                    UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + blocks])
                        .bindMemory(to: Int8.self))
            }
        }
        sampleRateHz = rate
        sampleCount = samples
        rows = (0..<count).map { _ in
            (0..<channels).map { _ in Row(least: take(), greatest: take()) }
        }
    }
}

extension SampleFormat {
    /// A sample as a reader gets it from a file: integers are written toward zero, and read with a
    /// power of two.
    fileprivate func rounded(_ sample: Float) -> Float {
        let fullScale: Float
        switch self {
        case .int16: fullScale = 32_767
        case .int24: fullScale = 8_388_607
        case .float32: return sample
        }
        return (max(-1, min(1, sample)) * fullScale).rounded(.towardZero) / (fullScale + 1)
    }
}
