import Signal
import Tensor
import Testing
import Tracks

/// The chunks of Music-Source-Separation-Training, beside its `demix` on the whole track.
struct ChunkTests {
    private let reversing: PositionNetwork

    init() throws { reversing = try PositionNetwork() }

    /// The first samples depend on the last ones.
    private func network(_ mix: Tensor) -> Tensor {
        reversing(reversing.backend.tensor(mix.shape, mix.floats.reversed()))
    }

    private func demix(
        _ track: [[Float]], size: Int, stride step: Int, by statistics: TrackStatistics?
    ) -> [[Float]] {
        let (samples, fade) = (track[0].count, size / 10)
        let (mean, scale) = (statistics?.mean ?? 0, statistics?.scale ?? 1)
        let border = samples > 2 * (size - step) ? size - step : 0
        let extended = track.map { channel in
            (-border..<samples + border).map { place in
                let mirrored = place < samples ? abs(place) : 2 * (samples - 1) - place
                return (channel[mirrored] - mean) / scale
            }
        }
        let length = extended[0].count
        var sums = [[Float]](repeating: [Float](repeating: 0, count: length), count: 4)
        var weights = sums[0]
        for start in stride(from: 0, to: length, by: step) {
            let count = min(size, length - start)
            let chunk = extended.flatMap { row in
                (0..<size).map { place in
                    if place < count { return row[start + place] }
                    return count > size / 2 ? row[start + 2 * (count - 1) - place] : 0
                }
            }
            let output = network(reversing.backend.tensor([2, size], chunk)).floats
            let open = start == 0 ? 0..<fade : start + step < length ? 0..<0 : size - fade..<size
            for place in 0..<count {
                let ramp = Float(min(place, size - 1 - place)) / Float(fade - 1)
                let weight = open.contains(place) ? 1 : min(1, ramp)
                weights[start + place] += weight
                for row in 0..<4 { sums[row][start + place] += weight * output[row * size + place] }
            }
        }
        return sums.map { row in
            (border..<border + samples).map {
                (weights[$0] == 0 ? 0 : row[$0] / weights[$0]) * scale + mean
            }
        }
    }

    /// Lengths at which a track or a chunk begins to be reflected. Fades of 5 samples have exact
    /// weights.
    @Test(
        arguments: [50, 51],
        [(1, nil), (2, nil), (3, nil), (4, nil), (25, nil), (2, 0.25)] as [(Int, Double?)])
    func tracksAreThoseOfThePlainForm(size: Int, chunks: (count: Int, overlap: Double?)) throws {
        let step = chunks.overlap.map { Int((1 - $0) * Double(size)) } ?? size / chunks.count
        let rules = chunkRules(chunks.count, samples: size, normalises: size == 50)
        let edges = [1, 2, 3, 6, 8].map { $0 * (size - step) } + [1, 2, 8].map { $0 * size / 2 }
        for samples in Set(edges.flatMap { [$0 - 1, $0, $0 + 1] }) where samples > 0 {
            let track = scattered(samples: samples, from: 4)
            var statistics = TrackStatistics()
            statistics.add(PlanarAudio(channels: track, sampleRateHz: 100))
            let expected = demix(
                track, size: size, stride: step, by: rules.normalises ? statistics : nil)
            for (block, start) in [(1, 0), (7, samples / 2), (1, samples - 1)] {
                var stems = PlanarAudio(channelCount: 4, sampleRateHz: 100)
                try separate(
                    measured(track) { shortBlockReader(track, blockSamples: block) },
                    bag: Bag(rules), options: .init(shifts: 0, overlap: chunks.overlap),
                    startingAt: start, network: network, sink: { stems.append($0.stems) })
                let wanted = expected.map { Array($0[start...]) }
                #expect(stems.channels == wanted, "\(samples) samples from \(start)")
            }
        }
    }
}
