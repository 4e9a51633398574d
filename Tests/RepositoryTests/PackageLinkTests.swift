import Foundation
import TestSupport
import Testing

/// The Python package and the page have their own files. `web/engine` links to the modules: SwiftPM takes sources only
/// below a package's root.
struct PackageLinkTests {
    // A service carries `wav.js`, a file of the engine for browsers, without that engine.
    @Test(arguments: [("python", []), ("web/page", ["wav.js"])])
    func linksLeadOutOfNoPackageButForOne(folder: String, expected: [String]) throws {
        let root = Fixture.url("../../\(folder)").resolvingSymlinksInPath()
        let files = try #require(
            FileManager.default.enumerator(
                at: root, includingPropertiesForKeys: nil, options: .skipsHiddenFiles))
        let outside = files.compactMap { $0 as? URL }
            .filter { !$0.resolvingSymlinksInPath().path.hasPrefix(root.path + "/") }
        #expect(outside.map { $0.path.dropFirst(root.path.count + 1) } == expected.map { $0[...] })
    }

    @Test func thePythonPackageHasOurLicence() {
        let files = ["LICENSE", "python/LICENSE"].map { Fixture.url("../../\($0)").path }
        #expect(FileManager.default.contentsEqual(atPath: files[0], andPath: files[1]))
    }
}
