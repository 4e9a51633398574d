import Foundation
import TestSupport
import Testing

/// The library's articles show what the examples hold, and the examples are compiled.
struct DocumentationTests {
    private static let package = Fixture.url("../..").standardized

    static let articles: [URL] = {
        let folder = package.appendingPathComponent("Sources/Demucs/Demucs.docc")
        let files = try? FileManager.default.contentsOfDirectory(
            at: folder, includingPropertiesForKeys: nil)
        return (files ?? []) + [package.appendingPathComponent("README.md")]
    }()

    /// The lines of all examples, without their indentation.
    private func exampleLines() throws -> Set<String> {
        let folder = Self.package.appendingPathComponent("Examples/Sources")
        let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        return try names.filter { $0.hasSuffix(".swift") }.reduce(into: []) { lines, name in
            let url = folder.appendingPathComponent(name)
            let text = try String(contentsOf: url, encoding: .utf8)
            lines.formUnion(text.split(separator: "\n").map { trimmed($0) })
        }
    }

    private func trimmed(_ line: Substring) -> String {
        line.trimmingCharacters(in: .whitespaces)
    }

    @Test(arguments: articles)
    func codeComesFromAnExample(article: URL) throws {
        let known = try exampleLines()
        let text = try String(contentsOf: article, encoding: .utf8)
        let blocks = text.components(separatedBy: "```swift\n").dropFirst()
        for line in blocks.flatMap({ $0.components(separatedBy: "```")[0].split(separator: "\n") })
        {
            #expect(known.contains(trimmed(line)), "\(article.lastPathComponent): \(line)")
        }
    }

    @Test func articlesAreThere() {
        #expect(Self.articles.count >= 5)
    }
}
