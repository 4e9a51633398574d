import Foundation
import TestSupport
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The pages that `bench/plot_report.py` makes from the JSON reports of the commands.
struct ReportPageTests {
    private let folder = TemporaryFolder()

    /// The page of a report, whose elements are valid XML.
    private func page(of report: Data) throws -> String {
        try folder.write(report, "report.json")
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [
            "python3", Fixture.url("../../bench/plot_report.py").standardized.path,
            folder.url("report.json").path, "-o", folder.url("page.html").path,
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let text = String(decoding: try folder.data("page.html"), as: UTF8.self)
        for word in ["http:", "https:", "src=", "<script", "<link", "@import", "\"nan", "\"inf"] {
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
        let run = try folder.run("eval", "true", "found", "--metrics", "sdr,si-sdr", "--json")
        let page = try page(of: Data(run.output.utf8))
        #expect(page.contains("&lt;a&amp;b&gt;"))
        // The scores are infinite: bar charts of two stems with two scores, and of two tracks.
        #expect(count("svg", in: page) == 2)
        #expect(count("rect", in: page) >= 8)
    }

    @Test func benchDrawsEachPrecisionAndEachBlock() throws {
        let run = try folder.run(
            "bench", "-n", "base", "--precision", "all", "--runs", "2", "--layers", "--json", "-q")
        let page = try page(of: Data(run.output.utf8))
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
        let run = try folder.run("compare", "a.safetensors", "b.safetensors", "--json")
        let page = try page(of: Data(run.output.utf8))
        #expect(page.contains("first below 60 dB: "))
        #expect(count("circle", in: page) > 10)
        #expect(page.contains("class=\"s0\"") && page.contains("class=\"s1\""))
    }

    @Test func quantizeShowsTheLayersThatCostMost() throws {
        try folder.run(
            "quantize", Fixture.url("models/base.safetensors").path, "-o", "int8.safetensors",
            "--report", "layers.json", "-q")
        let page = try page(of: folder.data("layers.json"))
        #expect(count("svg", in: page) == 2)
        #expect(page.contains("each alone in INT8"))
    }
}
