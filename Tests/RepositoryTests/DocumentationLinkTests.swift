import Foundation
import TestSupport
import Testing

/// Each relative link of the documentation leads to a file, and each anchor to a heading.
struct DocumentationLinkTests {
    struct Link: Sendable, CustomTestStringConvertible {
        let page: URL
        let target: String

        var testDescription: String { "\(page.lastPathComponent): \(target)" }
    }

    private static let package = Fixture.url("../..").standardized

    /// Every Markdown file of the repository, outside hidden folders and build products.
    static let pages: [URL] = {
        let files = FileManager.default.enumerator(
            at: package, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles])
        return (files?.compactMap { $0 as? URL } ?? []).filter { url in
            let path = url.path.dropFirst(package.path.count)
            return url.pathExtension == "md"
                && !["/dist/", "/node_modules/"].contains { path.contains($0) }
        }.sorted { $0.path < $1.path }
    }()

    static let links = pages.flatMap { page -> [Link] in
        text(of: page).matches(of: /\]\(([^)\s]+)\)|src(?:set)?="([^"]+)"/).map {
            Link(page: page, target: String($0.output.1 ?? $0.output.2 ?? ""))
        }
    }.filter { !$0.target.contains(":") }

    /// A page without its fenced blocks.
    private static func text(of page: URL) -> String {
        let text = (try? String(contentsOf: page, encoding: .utf8)) ?? ""
        let parts = text.components(separatedBy: "```")
        return parts.indices.filter { $0 % 2 == 0 }.map { parts[$0] }.joined()
    }

    /// The anchors that GitHub and similar sites make of a page's headings.
    static func anchors(of page: URL) -> [String] {
        text(of: page).split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
            let title = line.drop { $0 == "#" }.dropFirst().lowercased()
                .replacing(/\[([^\]]*)\]\([^)]*\)/) { $0.output.1 }
            return String(
                title.compactMap { letter in
                    letter == " "
                        ? "-"
                        : letter.isLetter || letter.isNumber
                            ? letter
                            : "-_".contains(letter) ? letter : nil
                })
        }
    }

    @Test(arguments: links)
    func aLinkLeadsSomewhere(link: Link) throws {
        let parts = link.target.split(separator: "#", omittingEmptySubsequences: false)
        let path = parts[0].removingPercentEncoding ?? String(parts[0])
        let file = path.isEmpty ? link.page : URL(fileURLWithPath: path, relativeTo: link.page)
        #expect(FileManager.default.fileExists(atPath: file.path), "no file \(file.path)")
        if parts.count > 1, file.pathExtension == "md" {
            #expect(Self.anchors(of: file).contains(String(parts[1])), "no heading #\(parts[1])")
        }
    }

    @Test func pagesAndLinksAreFound() {
        #expect(Self.pages.count >= 30)
        #expect(Self.links.count >= 150)
    }
}
