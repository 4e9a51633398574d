import Foundation
import TestSupport
import Testing

/// The Python package and the page are whole by themselves. `web/engine` is not: SwiftPM takes sources only below a
/// package's root, so that its folder `Sources` links to the modules.
struct PackageLinkTests {
    @Test(arguments: ["python", "web/page"])
    func noLinkLeadsOutOfAPackage(folder: String) throws {
        // A service carries `wav.js`, a file of the engine for browsers, without that engine.
        let root = Fixture.url("../../\(folder)").resolvingSymlinksInPath()
        let files = try #require(
            FileManager.default.enumerator(
                at: root, includingPropertiesForKeys: nil, options: .skipsHiddenFiles))
        for case let file as URL in files where file.lastPathComponent != "wav.js" {
            #expect(file.resolvingSymlinksInPath().path.hasPrefix(root.path + "/"), "\(file.path)")
        }
    }

    @Test func thePythonPackageHasOurLicence() {
        let files = ["LICENSE", "python/LICENSE"].map { Fixture.url("../../\($0)").path }
        #expect(FileManager.default.contentsEqual(atPath: files[0], andPath: files[1]))
    }
}
