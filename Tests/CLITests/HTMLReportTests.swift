import Foundation
import TestSupport
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The pages that `eval`, `bench`, `compare` and `quantize` write with `--html`.
struct HTMLReportTests {
    private let folder = TemporaryFolder()

    /// The page's elements that are valid XML: everything after the document's heading.
    private func page(_ name: String) throws -> String {
        let text = String(decoding: try folder.data(name), as: UTF8.self)
        #expect(text.hasPrefix("<!DOCTYPE html>"))
        for word in ["http:", "https:", "src=", "<script", "<link", "@import", "nan", "inf\""] {
            #expect(!text.contains(word), "\(word)")
        }
        let start = try #require(text.firstRange(of: "<body>")).lowerBound
        let end = try #require(text.firstRange(of: "</html>")).lowerBound
        let parser = XMLParser(data: Data(text[start..<end].utf8))
        #expect(parser.parse(), "\(parser.parserError.map { "\($0)" } ?? "")")
        return String(text[start..<end])
    }

    private func count(_ element: String, in page: String) -> Int {
        page.ranges(of: "<\(element) ").count
    }

    @Test func scoresOfTracksAreShown() throws {
        for name in ["true/<a&b>", "true/song", "found/<a&b>", "found/song"] {
            try folder.makeFolder(name)
            for stem in ["bass", "drums"] { try folder.writeTrack("\(name)/\(stem).wav") }
        }
        try folder.run("eval", "true", "found", "--metrics", "sdr,si-sdr", "--html", "scores.html")
        let page = try page("scores.html")
        #expect(page.contains("&lt;a&amp;b&gt;"))
        // The scores are infinite: bar charts of two stems with two scores, and of two tracks.
        #expect(count("svg", in: page) == 2)
        #expect(count("rect", in: page) >= 8)
    }

    @Test func benchDrawsEachPrecisionAndEachBlock() throws {
        try folder.run(
            "bench", "-n", "base", "--precision", "all", "--runs", "2", "--layers", "--html",
            "bench.html", "-q")
        let page = try page("bench.html")
        // Times, then blocks and a roofline for each of four rows.
        #expect(count("svg", in: page) == 9)
        #expect(page.contains("bfloat16"))
        #expect(page.ranges(of: "class=\"bound\"").count == 4)
    }

    @Test func compareMarksTheFirstTensorBelowTheBound() throws {
        try folder.writeTrack("song.wav")
        try folder.run("trace", "song.wav", "-n", "base", "-o", "a.safetensors")
        try folder.run(
            "trace", "song.wav", "-n", "base", "--precision", "bfloat16", "-o", "b.safetensors")
        try folder.run("compare", "a.safetensors", "b.safetensors", "--html", "compare.html")
        let page = try page("compare.html")
        #expect(page.contains("first below 60 dB: "))
        #expect(count("circle", in: page) > 10)
        #expect(page.contains("class=\"s0\"") && page.contains("class=\"s1\""))
    }

    @Test func quantizeShowsTheLayersThatCostMost() throws {
        try folder.run(
            "quantize", Fixture.url("models/base.safetensors").path, "-o", "int8.safetensors",
            "--report", "layers.json", "--html", "int8.html", "-q")
        let page = try page("int8.html")
        #expect(count("svg", in: page) == 2)
        #expect(page.contains("each alone in INT8"))
    }

    @Test func aPageThatCannotBeWrittenIsReportedAfterTheResult() throws {
        try folder.makeFolder("true")
        try folder.writeTrack("true/bass.wav")
        let run = try folder.run(
            "eval", "true", "true", "--metrics", "sdr", "--html", "absent/scores.html", exits: 1)
        #expect(run.output.contains("bass"))
        #expect(run.errors.contains("absent/scores.html: the report can't be written: "))
    }
}
