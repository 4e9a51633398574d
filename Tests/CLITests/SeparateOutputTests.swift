import Foundation
import TestSupport
import Testing

/// Names and samples of the written signals.
struct SeparateOutputTests {
    private let folder = TemporaryFolder()

    init() throws {
        // Too quiet for clipping, which would change the sums.
        try folder.writeTrack("a.wav", rateHz: 4000, gain: 0.1)
    }

    /// Separates with the model of four stems, without shifts, as float32 WAV without gains.
    private func run(_ out: String, _ more: String...) throws {
        try folder.run(
            ["a.wav", "-qn", "base", "--shifts=0", "--float32", "--clip-mode=none", "-o", out]
                + more)
    }

    private func names(_ out: String) -> [String] {
        folder.paths.filter { $0.hasPrefix("\(out)/base/a/") && $0.hasSuffix(".wav") }
            .map { String($0.dropFirst("\(out)/base/a/".count)) }.sorted()
    }

    /// The samples of a float32 WAV file, which are its last bytes.
    private func samples(_ name: String, count: Int = 1400) throws -> [Float] {
        let data = try folder.data(name)
        return data.suffix(count * 4).withUnsafeBytes { bytes in
            (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }

    private func isNear(_ first: [Float], _ second: [Float]) -> Bool {
        // Sums in another order differ in the last bits of numbers below one.
        zip(first, second).allSatisfy { abs($0 - $1) < 1e-6 }
    }

    private func sum(_ paths: [String]) throws -> [Float] {
        try paths.map { try samples($0) }.reduce([Float](repeating: 0, count: 1400)) {
            zip($0, $1).map(+)
        }
    }

    @Test func onlyTheNamedStemsAreWrittenAndTheyAreThoseOfTheFullRun() throws {
        try run("all")
        try run("some", "--stems", "vocals,drums")
        #expect(names("all") == ["bass.wav", "drums.wav", "other.wav", "vocals.wav"])
        #expect(names("some") == ["drums.wav", "vocals.wav"])
        for name in names("some") {
            #expect(
                try folder.data("some/base/a/\(name)")
                    == folder.data("all/base/a/\(name)"))
        }
    }

    @Test func twoStemsAddUpTheOthers() throws {
        try run("all")
        try run("two", "--two-stems", "vocals")
        #expect(names("two") == ["no_vocals.wav", "vocals.wav"])
        let others = try sum(["drums", "bass", "other"].map { "all/base/a/\($0).wav" })
        #expect(isNear(try samples("two/base/a/no_vocals.wav"), others))
    }

    @Test func twoStemsTakeOneOffTheTrack() throws {
        try run("two", "--two-stems=vocals", "--other-method=minus")
        #expect(names("two") == ["minus_vocals.wav", "vocals.wav"])
        let both = try sum(["minus_vocals", "vocals"].map { "two/base/a/\($0).wav" })
        #expect(isNear(both, try samples("a.wav")))
    }

    @Test func mixesAndTheResidualComeBesides() throws {
        try run("all", "--mix", "karaoke=drums+bass+other", "--mix=low=bass+drums", "--residual")
        #expect(
            names("all") == [
                "bass.wav", "drums.wav", "karaoke.wav", "low.wav", "other.wav", "residual.wav",
                "vocals.wav",
            ])
        let karaoke = try sum(["drums", "bass", "other"].map { "all/base/a/\($0).wav" })
        #expect(isNear(try samples("all/base/a/karaoke.wav"), karaoke))
        let everything = try sum(["karaoke", "vocals", "residual"].map { "all/base/a/\($0).wav" })
        #expect(isNear(everything, try samples("a.wav")))
    }

    @Test func anExcerptIsSeparatedAsIfThereWereNoMore() throws {
        try folder.writeTrack("whole.wav", samples: 1600)
        let whole = try folder.data("whole.wav")
        // Half a second from 0.25 s on; a frame has 8 bytes.
        var part = whole.prefix(44)
        part.replaceSubrange(
            40..<44, with: withUnsafeBytes(of: UInt32(800 * 8).littleEndian, Array.init))
        try folder.write(part + whole.dropFirst(44 + 400 * 8).prefix(800 * 8), "part.wav")
        for (name, options) in [
            ("whole.wav", ["--start=0.25", "--duration", "0:0.5"]), ("part.wav", []),
        ] {
            try folder.run(
                [name, "-qn", "cross_first", "--shifts=0", "--filename={track}.{stem}.{ext}"]
                    + options)
        }
        let stems = "separated/cross_first"
        #expect(
            try folder.data("\(stems)/whole.rest.wav")
                == folder.data("\(stems)/part.rest.wav"))
    }

    @Test func stemsHaveTheRateOfTheTrackIfAskedFor() throws {
        try folder.writeTrack("fast.wav", samples: 3001, rateHz: 4000)
        for (rate, samples) in [("input", 3001), ("model", 1200)] {
            try folder.run(
                "fast.wav", "-qn", "cross_first", "--output-rate", rate, "-o", rate)
            let data = try folder.data("\(rate)/cross_first/fast/rest.wav")
            #expect(data.count == 44 + samples * 4)
        }
    }

    @Test func oneGainForAllKeepsTheirSum() throws {
        // Loud enough that stems are rescaled.
        try folder.writeTrack("a.wav", rateHz: 4000, replacing: [100: 5, 101: -5])
        try run("plain")
        let lines = try folder.run(
            "a.wav", "-qn", "base", "--shifts=0", "--gain=common", "--json", "-o", "common")
        let gains = lines.output.matches(of: /"gain":([0-9.]+)/).map(\.1)
        #expect(Set(gains).count == 1 && gains.count >= 4)
    }
}
