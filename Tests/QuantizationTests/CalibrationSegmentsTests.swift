import DemucsEngine
import Networks
import Quantization
import Signal
import System
import Tensor
import Testing

struct CalibrationSegmentsTests {
    /// Segments from all over the list of files and all over each file, of samples that tell their place.
    @Test(arguments: [
        (1, 1), (1, 3), (2, 5), (3, 3), (3, 7), (5, 3), (7, 2), (10, 4), (100, 8),
    ])
    func segmentsLieAtEqualDistances(tracks: Int, count: Int) throws {
        let rules = TrackRules(
            sources: ["a"], audioChannels: 1, sampleRateHz: 8000, segmentSamples: 100,
            longestSegmentSamples: 100, normalises: false, cutting: .overlapping)
        let samples = 1000
        var opened: [Int] = []
        let segments = try CalibrationSegments(
            of: tracks, count: count, for: rules, on: Backend(threads: 1),
            cancellation: CancellationToken()
        ) { track in
            opened.append(track)
            let values = (0..<samples).map { Float(track * samples + $0) }
            return try AudioInput(PlanarAudio(channels: [values], sampleRateHz: 8000))
        }
        let files = min(tracks, count)
        #expect(segments.description["files"] == .integer(files))
        #expect(segments.description["segments"] == .integer(count))
        let steps = zip(opened, opened.dropFirst() + [tracks]).map { $1 - $0 }
        #expect(opened.count == files && opened.first == 0)
        #expect(steps.allSatisfy { (0...1).contains($0 - tracks / files) }, "\(opened)")
        for mix in segments.mixes { #expect(zip(mix, mix.dropFirst()).allSatisfy { $1 - $0 == 1 }) }
        #expect(segments.mixes.allSatisfy { $0.count == rules.segmentSamples })
        let places = segments.mixes.map { Int($0[0]).quotientAndRemainder(dividingBy: samples) }
        let counts = opened.map { track in places.filter { $0.quotient == track }.count }
        #expect(counts.reduce(0, +) == count)
        #expect(counts.allSatisfy { (0...1).contains($0 - count / files) }, "\(counts)")
        for (track, segmentCount) in zip(opened, counts) {
            // As much of the file before the first one as after the last, and twice that between two.
            let starts = places.filter { $0.quotient == track }.map(\.remainder)
            let edges = [0] + starts + [samples - rules.segmentSamples]
            let distances = zip(edges, edges.dropFirst()).map { Double($1 - $0) }
            let half = Double(samples - rules.segmentSamples) / Double(2 * segmentCount)
            for (index, distance) in distances.enumerated() {
                let expected = index == 0 || index == segmentCount ? half : 2 * half
                #expect(abs(distance - expected) <= 1, "\(starts)")
            }
        }
    }
}
