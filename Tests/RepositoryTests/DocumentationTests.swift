import Foundation
import TestSupport
import Testing

/// Each code snippet of the documentation occurs in an example, and CI compiles the examples.
struct DocumentationTests {
    /// Swift code in an article or a doc comment.
    struct Snippet: Sendable, CustomTestStringConvertible {
        let file: String
        /// Lines of the snippet without indentation and empty lines.
        let lines: [String]

        var testDescription: String { "\(file): \(lines.first ?? "")" }
    }

    private static let package = Fixture.url("../..").standardized

    private static func files(in folder: String, withSuffix suffix: String) -> [URL] {
        let url = package.appendingPathComponent(folder)
        let names = try? FileManager.default.subpathsOfDirectory(atPath: url.path)
        return (names ?? []).filter { $0.hasSuffix(suffix) }.sorted()
            .map(url.appendingPathComponent)
    }

    private static func lines(_ text: String) -> [String] {
        text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
            .filter { !$0.isEmpty }
    }

    private static func snippets(in url: URL) -> [Snippet] {
        guard var text = try? String(contentsOf: url, encoding: .utf8) else { return [] }
        if url.pathExtension == "swift" {
            text = lines(text).filter { $0.hasPrefix("///") }.map { $0.dropFirst(3) }
                .joined(separator: "\n")
        }
        return text.components(separatedBy: "```swift\n").dropFirst().map {
            Snippet(file: url.lastPathComponent, lines: lines($0.components(separatedBy: "```")[0]))
        }
    }

    static let articles =
        files(in: "Sources", withSuffix: ".md")
        + files(in: "docs", withSuffix: ".md") + [package.appendingPathComponent("README.md")]
    static let inArticles = articles.flatMap(snippets)
    static let inComments = files(in: "Sources", withSuffix: ".swift").flatMap(snippets)

    @Test(arguments: inArticles + inComments)
    func aSnippetIsAPartOfOneExample(snippet: Snippet) throws {
        let examples = Self.files(in: "docs/examples", withSuffix: ".swift")
        let isFound = try examples.contains { url in
            Self.lines(try String(contentsOf: url, encoding: .utf8)).contains(snippet.lines)
        }
        #expect(isFound, "\(snippet.lines.joined(separator: "\n"))")
    }

    @Test func snippetsAreFound() {
        #expect(Self.articles.count >= 5)
        #expect(Self.inArticles.count >= 10)
        #expect(Self.inComments.count >= 2)
    }
}
