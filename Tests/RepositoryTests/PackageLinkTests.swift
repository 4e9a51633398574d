import Foundation
import TestSupport
import Testing

/// The Python package and the page are whole by themselves. `web/engine` is not: SwiftPM takes sources only below a
/// package's root, so that its folder `Sources` links to the modules.
struct PackageLinkTests {
    /// The licence's text, and the reader of WAV, which a service carries without the engine for browsers.
    private static let shared = ["LICENSE", "wav.js"]

    @Test(arguments: ["python", "web/page"])
    func noLinkLeadsOutOfAPackage(folder: String) throws {
        let root = Fixture.url("../../\(folder)").resolvingSymlinksInPath()
        let files = try #require(
            FileManager.default.enumerator(
                at: root, includingPropertiesForKeys: nil, options: .skipsHiddenFiles))
        for case let file as URL in files where !Self.shared.contains(file.lastPathComponent) {
            #expect(file.resolvingSymlinksInPath().path.hasPrefix(root.path + "/"), "\(file.path)")
        }
    }
}
