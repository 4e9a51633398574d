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

    /// 4 loud tracks, one of which is half silent, and a silent one.
    private func tracks() throws -> [String] {
        let paths = try (0..<4).map {
            try fixture.track("\($0).wav", samples: 3000, seed: UInt64($0))
        }
        var half = try AudioFile.read(paths[3]).buffer
        for channel in 0..<2 {
            for index in 0..<1500 { half.channels[channel][index] = 0 }
        }
        try AudioFile.write(half, to: paths[3], format: .wav(.float32), clip: .none)
        let silent = folder.path("silent.wav")
        try AudioFile.write(
            PlanarAudio(channelCount: 2, sampleRateHz: 1600, zeros: 3000), to: silent)
        return paths + [silent]
    }

    @Test func samplesAreSpreadOverTracksAndNoneIsSilent() throws {
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
            let mean = values.reduce(0, +) / 200
            let power = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 200
            #expect(power > 1e-3, "\(line)")
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

    @Test func tooLittleMusicIsAnError() throws {
        let tracks = try tracks()
        #expect(throws: PortingError.self) { _ = try write(tracks, count: 10_000, to: "set") }
        #expect(throws: PortingError.nothingLoud(limitDecibels: Calibration.silenceLevelDecibels)) {
            _ = try write([tracks[4]], count: 1, to: "set")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("set")))
    }
}
