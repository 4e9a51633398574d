import Foundation
import TestSupport
import Testing

/// The picture of the modules in CONTRIBUTING.md is that of Package.swift.
struct ModulePictureTests {
    private typealias Imports = [String: Set<String>]

    private func text(_ name: String) throws -> String {
        try String(
            contentsOf: Fixture.url("../..").standardized.appendingPathComponent(name),
            encoding: .utf8)
    }

    /// The arrows `A --> B & C`.
    private func picture() throws -> Imports {
        try text("CONTRIBUTING.md").split(separator: "\n").reduce(into: [:]) { imports, line in
            let sides = line.components(separatedBy: " --> ")
            guard sides.count == 2 else { return }
            let name = sides[0].trimmingCharacters(in: .whitespaces)
            imports[name, default: []].formUnion(sides[1].components(separatedBy: " & "))
        }
    }

    /// The targets of the product and their dependencies, system libraries left out.
    private func manifest() throws -> Imports {
        let target =
            /\.(?:target|executableTarget)\(\s*name: "([\w-]+)"(?:,\s*dependencies: \[([^\]]*)\])?/
        var imports: Imports = [:]
        for match in try text("Package.swift").matches(of: target) {
            let names = (match.2 ?? "").matches(of: /"(\w+)"/).map { String($0.1) }
            imports[String(match.1)] = Set(names)
        }
        for helper in [
            "TestSupport", "CKernelTester", "CAllocations", "fuzz-readers", "gated-service",
        ] {
            imports[helper] = nil
        }
        return imports.mapValues { $0.intersection(imports.keys) }
    }

    /// The folders of `Sources` without those that only describe a system library.
    private func foldersOfModules() throws -> Set<String> {
        let sources = Fixture.url("../../Sources").standardized
        let folders = try FileManager.default.contentsOfDirectory(
            at: sources, includingPropertiesForKeys: nil)
        return Set(
            folders.filter { folder in
                let map = folder.appendingPathComponent("module.modulemap")
                return !FileManager.default.fileExists(atPath: map.path)
            }.map(\.lastPathComponent))
    }

    @Test func arrowsAreTheImportsOfThePackage() throws {
        let (picture, manifest) = (try picture(), try manifest())
        // The room of the command holds two targets, `CLI` and its `main`.
        let rooms = Set(manifest.keys).symmetricDifference(["CLI", "swift-demucs", "cli"])
        #expect(rooms == (try foldersOfModules()))
        func reachable(_ name: String) -> Set<String> {
            (picture[name] ?? []).reduce(into: []) { $0.formUnion(reachable($1).union([$1])) }
        }
        for (name, imports) in manifest {
            #expect(imports.isSubset(of: reachable(name)), "\(name) imports more than the picture")
            #expect((picture[name] ?? []).isSubset(of: imports), "the picture of \(name)")
        }
    }

    @Test func everyModuleHasAParagraph() throws {
        let text = try text("CONTRIBUTING.md")
        for name in try manifest().keys { #expect(text.contains("\n**\(name)** "), "\(name)") }
    }
}
