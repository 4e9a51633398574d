import Audio
import Foundation
import Porting
import System
import TestSupport
import Testing

@Suite struct CalibrationTests {
    let fixture: PortedFixture

    private var folder: TemporaryFolder { fixture.folder }

    init() throws {
        fixture = try PortedFixture()
    }

    @discardableResult
    private func write(
        _ tracks: [String], count: Int, to name: String, seed: UInt64 = 0
    ) throws -> [String] {
        let lists = try Calibration(
            PortedFixture.model(), chunkSeconds: 100.5 / 1600,
            encoding: TensorEncoding(.npy, .float32),
            seed: seed
        ).write(
            tracks.map { try AudioInput(path: $0) }, count: count, to: folder.path(name),
            on: fixture.backend, cancellation: CancellationToken())
        #expect(
            lists.map { ($0 as NSString).lastPathComponent } == ["dataset.txt", "input_list.txt"])
        return try String(contentsOfFile: lists[0], encoding: .utf8)
            .split(separator: "\n").map(String.init)
    }

    private func input(_ name: String, _ line: String) throws -> [Float] {
        let paths = line.split(separator: " ").map(String.init)
        return try TensorFile.read(
            folder.path("\(name)/\(paths[0])"), name: "input", shape: [1, 2, 100],
            element: .float32
        ).values
    }

    private func tracks() throws -> [String] {
        try (0..<4).map { try fixture.track("\($0).wav", samples: 3000, seed: UInt64($0)) }
    }

    @Test func samplesAreListedAndNoneTwice() throws {
        let lines = try write(try tracks(), count: 20, to: "set")
        #expect(lines.count == 20)
        #expect(Set(lines).count == 20)
        let named = try String(
            contentsOfFile: folder.path("set/input_list.txt"), encoding: .utf8)
        #expect(named.hasPrefix("input:=input/00000.npy x:=x/00000.npy\n"))
        var contents = Set<[Float]>()
        for line in lines {
            let values = try input("set", line)
            contents.insert(values)
            let x = line.split(separator: " ").map(String.init)[1]
            _ = try TensorFile.read(
                folder.path("set/\(x)"), name: "x", shape: [1, 4, 128, 2], element: .float32)
        }
        // No piece occurs twice.
        #expect(contents.count == 20)
    }

    /// The tracks' level rises: pieces spread evenly over loudness come from beginning, middle and
    /// end.
    @Test func samplesOfATrackAreSpreadOverItsLoudness() throws {
        let lines = try write([try fixture.track(samples: 6000)], count: 6, to: "set")
        let powers = try lines.map { line in
            try input("set", line).reduce(0) { $0 + $1 * $1 } / 200
        }.sorted()
        // The power rises from 0.04 to 1 of its final value; each share has a sixth of the pieces.
        #expect(powers[5] / powers[0] > 6, "\(powers)")
        #expect(powers[3] / powers[0] > 2, "\(powers)")
    }

    @Test func aSeedGivesTheSameSetAndAnotherSeedAnother() throws {
        let tracks = try tracks()
        let first = try write(tracks, count: 8, to: "a", seed: 3)
        let second = try write(tracks, count: 8, to: "b", seed: 3)
        let third = try write(tracks, count: 8, to: "c", seed: 4)
        #expect(first == second)
        let sets = try [("a", first), ("b", second), ("c", third)].map { name, lines in
            try lines.map { try input(name, $0) }
        }
        #expect(sets[0] == sets[1])
        #expect(sets[0] != sets[2])
    }

    /// Square waves show their track by the number of edges. The last is just below the level of silence, and
    /// the third ends with zeros.
    @Test(arguments: [
        (2, [0, 0, 0], [1, 1, 1]), (3, [1, 1, 1], [1, 1, 1]), (4, [1, 1, 1], [2, 1, 2]),
        (9, [5, 1, 3], [5, 1, 3]), (11, [7, 1, 3], [7, 1, 3]),
    ])
    func tracksHaveEqualSharesAsFarAsTheyGo(count: Int, least: [Int], most: [Int]) throws {
        let files = [(700, 2, -59), (100, 4, -59), (300, 10, 0), (500, 20, -61)]
        let tracks = try files.map { samples, period, decibels in
            let path = folder.path("\(period).wav")
            var wave = (0..<samples).map { index in
                (index % period < period / 2 ? 1 : -1) * powf(10, Float(decibels) / 20)
            }
            if period == 10 { wave += [Float](repeating: 0, count: 100) }
            try AudioFile.write(
                PlanarAudio(channels: [wave, wave], sampleRateHz: 1600), to: path,
                format: .wav(.float32), clip: .none)
            return path
        }
        let order = try write(tracks, count: count, to: "set", seed: 5).map { line in
            let values = try input("set", line)[..<100]
            let edges = zip(values, values.dropFirst()).count { $0 * $1 < 0 }
            return try #require(files.firstIndex { abs(edges - 200 / $0.1) <= 1 })
        }
        let shares = (0..<4).map { track in order.count { $0 == track } }
        #expect(zip(least, shares).allSatisfy(<=) && zip(shares, most).allSatisfy(<=), "\(shares)")
        #expect(order.count == count && shares[3] == 0)
        // Not track after track.
        #expect(count < 4 || order != order.sorted())
        #expect(throws: PortingError.tooFewSamples(found: 11, wanted: 12)) {
            try write(tracks, count: 12, to: "more")
        }
        #expect(throws: PortingError.nothingLoud(limitDecibels: -60)) {
            try write([tracks[3]], count: 1, to: "more")
        }
        #expect(!folder.exists("more"))
    }
}
