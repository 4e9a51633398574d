import Foundation
import TestSupport
import Testing

/// Lines of the sources that other files rely on.
struct SourceLineTests {
    private static let package = Fixture.url("../..").standardized

    private static func text(_ path: String) throws -> String {
        try String(contentsOf: package.appendingPathComponent(path), encoding: .utf8)
    }

    /// A module is named in the manifest for browsers, and compiles there but for its folders `Native`.
    @Test func filesOfModulesForBrowsersSaySo() throws {
        let line = "// Also Embedded Swift: typed throws, no key paths, no casts.\n"
        let modules = try Self.text("web/engine/Package.swift").matches(
            of: /target\(\s*name: "(\w+)"/
        )
        .map { String($0.1) }
        let sources = Self.package.appendingPathComponent("Sources")
        var count = 0
        for file in try FileManager.default.subpathsOfDirectory(atPath: sources.path)
        where file.hasSuffix(".swift") {
            let folders = file.split(separator: "/").dropLast().map(String.init)
            let isShared =
                modules.contains(folders[0]) && !folders.contains("Native")
                && !folders.contains("Embedded")
            #expect(try Self.text("Sources/\(file)").hasPrefix(line) == isShared, "\(file)")
            count += isShared ? 1 : 0
        }
        #expect(count > 100)
    }

    /// `test_darwin` changes lines of the sources, and each change must be an error for Apple's systems.
    @Test func theLinesThatTheTestForDarwinChangesAreThere() throws {
        let faults = try Self.text("Tests/system/test_darwin")
            .matches(of: /\("(Sources\/[^"]+)", "((?:[^"\\]|\\.)+)", "/)
        #expect(faults.count >= 9)
        for fault in faults {
            let quoted = fault.2.replacing("\\n", with: "\n")
            #expect(try Self.text(String(fault.1)).contains(quoted), "\(fault.1): \(quoted)")
        }
    }
}
