// Minima and maxima of short blocks of samples, from which a page draws stems without decoding
// them.

import Audio
import System

/// The waveforms of the stems of a job.
struct Waveforms {
    /// Samples of a block: 6 ms at 44,100 Hz.
    static let blockSamples = 256

    /// The waveform of one stem.
    struct Stem {
        let sampleRateHz: Int
        let sampleCount: Int
        /// Minima of each block, `[channel][block]`, −128…127 for −1…1.
        let minima: [[Int8]]
        let maxima: [[Int8]]

        init(sampleRateHz: Int, sampleCount: Int, minima: [[Int8]], maxima: [[Int8]]) {
            self.sampleRateHz = sampleRateHz
            self.sampleCount = sampleCount
            self.minima = minima
            self.maxima = maxima
        }

        /// Computes the waveform of a stem by decoding it.
        ///
        /// - Parameter goOn: called for each block; its error ends the work.
        init(_ reader: any RecordingReader, goOn: () throws -> Void) throws {
            var minima = [[Int8]](repeating: [], count: reader.channelCount)
            var maxima = minima
            var rest = [[Float]](repeating: [], count: reader.channelCount)
            var count = 0
            func take(_ isLast: Bool) {
                for channel in rest.indices {
                    let samples = rest[channel]
                    var start = 0
                    while start + Waveforms.blockSamples <= samples.count
                        || isLast && start < samples.count
                    {
                        let end = min(start + Waveforms.blockSamples, samples.count)
                        let block = samples[start..<end]
                        minima[channel].append(Stem.quantized(block.min() ?? 0))
                        maxima[channel].append(Stem.quantized(block.max() ?? 0))
                        start = end
                    }
                    rest[channel].removeFirst(start)
                }
            }
            while let block = try reader.next() {
                try goOn()
                count += block.sampleCount
                for channel in rest.indices { rest[channel] += block.channels[channel] }
                take(false)
            }
            take(true)
            self.init(
                sampleRateHz: reader.sampleRateHz, sampleCount: count, minima: minima,
                maxima: maxima)
        }

        private static func quantized(_ sample: Float) -> Int8 {
            Int8(max(-128, min(127, (sample * 128).rounded())))
        }
    }

    let stems: [Stem]

    init(_ stems: [Stem]) { self.stems = stems }

    /// Number of blocks of every stem.
    var blockCount: Int { stems.first?.minima.first?.count ?? 0 }

    var durationSeconds: Double {
        stems.first.map { Double($0.sampleCount) / Double($0.sampleRateHz) } ?? 0
    }

    // MARK: - For clients

    /// JSON of at most `points` points; point i covers the blocks from i·B/N to (i + 1)·B/N.
    ///
    /// - Parameter names: names of the stems.
    func json(points: Int, names: [String]) -> [UInt8] {
        let points = min(points, blockCount)
        var text = "{\"duration_seconds\":\(durationSeconds),\"points\":\(points),\"stems\":["
        for (index, stem) in stems.enumerated() {
            let name = String(decoding: JSON.text(names[index]).bytes, as: UTF8.self)
            text += index == 0 ? "" : ","
            text += "{\"channels\":["
            for channel in stem.minima.indices {
                let least = reduced(stem.minima[channel], points) { $0.min() ?? 0 }
                let greatest = reduced(stem.maxima[channel], points) { $0.max() ?? 0 }
                text += channel == 0 ? "" : ","
                text += "{\"max\":[\(greatest)],\"min\":[\(least)]}"
            }
            text += "],\"name\":\(name)}"
        }
        return Array((text + "]}\n").utf8)
    }

    /// The schema of ``json(points:names:)``.
    static let schema: JSONSchema = {
        let values = JSONSchema.list(of: .integer(in: Int(Int8.min)...Int(Int8.max)))
        let channels = JSONSchema.list(of: .fields(["min": values, "max": values]))
        return .fields([
            "points": .integer, "duration_seconds": .number,
            "stems": .list(of: .fields(["name": .string, "channels": channels])),
        ])
    }()

    private func reduced(
        _ blocks: [Int8], _ points: Int, _ extreme: (ArraySlice<Int8>) -> Int8
    ) -> String {
        (0..<points).map { point in
            let range = point * blocks.count / points..<(point + 1) * blocks.count / points
            return String(extreme(blocks[range]))
        }.joined(separator: ",")
    }

    // MARK: - In the cache

    /// Bytes for the cache: four numbers of 8 bytes (stems, channels, blocks, rate), then for each
    /// stem its number of samples and the minima and maxima of each channel.
    var stored: [UInt8] {
        let channels = stems.first?.minima.count ?? 0
        let numbers =
            [stems.count, channels, blockCount, stems.first?.sampleRateHz ?? 0]
            + stems.map(\.sampleCount)
        var bytes = numbers.flatMap { number in
            withUnsafeBytes(of: Int64(number).littleEndian) { Array($0) }
        }
        for stem in stems {
            for channel in stem.minima.indices {
                bytes += stem.minima[channel].map { UInt8(bitPattern: $0) }
                bytes += stem.maxima[channel].map { UInt8(bitPattern: $0) }
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
        guard let count = number(0), let channels = number(1), let blocks = number(2),
            let rate = number(3), (1...1000).contains(count), (1...64).contains(channels),
            (0...1 << 32).contains(blocks), rate > 0,
            bytes.count == (4 + count) * 8 + count * channels * blocks * 2
        else { return nil }
        var offset = (4 + count) * 8
        func take() -> [Int8] {
            defer { offset += blocks }
            return bytes[offset..<offset + blocks].map { Int8(bitPattern: $0) }
        }
        stems = (0..<count).map { index in
            var minima: [[Int8]] = []
            var maxima: [[Int8]] = []
            for _ in 0..<channels {
                minima.append(take())
                maxima.append(take())
            }
            return Stem(
                sampleRateHz: rate, sampleCount: number(4 + index) ?? 0, minima: minima,
                maxima: maxima)
        }
    }
}
