import Foundation
import ModelZoo
import System
import TestSupport
import Testing
import WeightsLoader

/// The search by name. The files hold no models, because finding only looks at names.
struct ModelStoreTests {
    private let folder = TemporaryFolder()

    private func store(
        repository: String? = nil, isOffline: Bool = false, bundled: [String] = [],
        _ variables: [String: String] = [:]
    ) throws -> ModelStore {
        let environment = variables.merging(["HOME": folder.path("home")]) { given, _ in given }
        return try ModelStore(
            repository: repository, isOffline: isOffline, bundledFolders: bundled,
            environment: environment)
    }

    @discardableResult
    private func touch(_ names: String...) throws -> [String] {
        try names.map { try folder.write("x", $0) }
    }

    private static let hub = "home/.cache/huggingface/hub"
    private static let torch = "home/.cache/torch/hub/checkpoints"
    private static let own = "home/.cache/swift-demucs"

    /// A repository in the layout of huggingface_hub.
    private func addHubRepository(
        _ name: String, files: [String: String], hub: String = ModelStoreTests.hub,
        commit: String = "0123456789abcdef0123456789abcdef01234567"
    ) throws {
        try folder.write(commit, "\(hub)/models--\(name)/refs/main")
        for (file, content) in files {
            let blob = "\(hub)/models--\(name)/blobs/\(file).blob"
            try folder.write(content, blob)
            let link = folder.path("\(hub)/models--\(name)/snapshots/\(commit)/\(file)")
            try FileManager.default.createDirectory(
                atPath: FilePath.folder(of: link), withIntermediateDirectories: true)
            try FileManager.default.createSymbolicLink(
                atPath: link, withDestinationPath: "../../blobs/\(file).blob")
        }
    }

    @Test func pathsAreTakenAsTheyAre() throws {
        let store = try store()
        for path in ["./a.safetensors", "/nowhere/b.th", "../x/y"] {
            let files = try store.find(path)
            #expect(files.checkpoints == [path])
        }
        #expect(try store.find("./my.model.safetensors").name == "my.model")
    }

    @Test func namesWithAPlusAreSeveralModelsUnlessAFileHasIt() throws {
        try touch("repo/one.th", "repo/two.ckpt", "x+y.th", "x")
        let store = try store(repository: folder.path("repo"))
        let mix = try store.find("one+\(folder.path("x+y.th"))+two")
        #expect(mix.name == "one+x+y+two")
        #expect(mix.checkpoints == ["repo/one.th", "x+y.th", "repo/two.ckpt"].map(folder.path))
        #expect(mix.mixed.map(\.name) == ["one", "x+y", "two"])
        #expect(try store.find(folder.path("x+y.th")).mixed.isEmpty)
        for name in ["one+", "+one", "one++two", "+"] {
            #expect(throws: ModelStoreError.self) { try store.find(name) }
        }
        let error = #expect(throws: ModelStoreError.self) { try store.find("one+htdemucs") }
        guard case .notFound("htdemucs", _, _) = error else { throw UnexpectedError(error) }
    }

    /// Each place takes precedence over the following ones.
    @Test func placesAreSearchedInOrder() throws {
        try touch(
            "repo/955717e8.th", "one/htdemucs.safetensors", "two/955717e8-8726e21a.th",
            "\(Self.torch)/955717e8-8726e21a.th",
            "\(Self.own)/hub/adefossez/HTDemucs/955717e8.safetensors",
            "\(Self.own)/checkpoints/955717e8-8726e21a.th", "bundled/htdemucs.safetensors")
        try addHubRepository(
            "adefossez--HTDemucs",
            files: ["htdemucs.yaml": "models: ['955717e8']", "955717e8.safetensors": "x"])
        let snapshot =
            "\(Self.hub)/models--adefossez--HTDemucs/snapshots/"
            + "0123456789abcdef0123456789abcdef01234567"
        let variables = [
            "SWIFT_DEMUCS_MODELS": "\(folder.path("one")):\(folder.path("two"))"
        ]
        let expected = [
            "repo/955717e8.th", "one/htdemucs.safetensors", "two/955717e8-8726e21a.th",
            "\(snapshot)/955717e8.safetensors", "\(Self.torch)/955717e8-8726e21a.th",
            "\(Self.own)/hub/adefossez/HTDemucs/955717e8.safetensors",
            "\(Self.own)/checkpoints/955717e8-8726e21a.th", "bundled/htdemucs.safetensors",
        ]
        for path in expected {
            let store = try store(
                repository: folder.path("repo"), bundled: [folder.path("bundled")], variables)
            let files = try store.find("htdemucs")
            #expect(files.checkpoints == [folder.path(path)])
            #expect(files.name == "htdemucs")
            try FileManager.default.removeItem(atPath: folder.path(path))
        }
        #expect(throws: ModelStoreError.self) { _ = try store(variables).find("htdemucs") }
    }

    @Test func signaturesAreFoundEverywhere() throws {
        for path in [
            "\(Self.torch)/f7e0c4bc-ba3fe64a.th",
            "\(Self.own)/hub/adefossez/HTDemucs-ft/f7e0c4bc.safetensors",
        ] {
            try touch(path)
            let files = try store().find("f7e0c4bc")
            #expect(files.name == "f7e0c4bc" && files.checkpoints == [folder.path(path)])
            #expect(files.weights == nil)
            try FileManager.default.removeItem(atPath: folder.path(path))
        }
        try addHubRepository("adefossez--HTDemucs-ft", files: ["f7e0c4bc.safetensors": "x"])
        #expect(try store().find("f7e0c4bc").checkpoints.count == 1)
    }

    @Test func membersOfABagMayLieApart() throws {
        try touch(
            "\(Self.torch)/f7e0c4bc-ba3fe64a.th", "\(Self.torch)/92cfc3b6-ef3bcb9c.th",
            "mine/d12395a8.safetensors")
        let variables = ["SWIFT_DEMUCS_MODELS": folder.path("mine")]
        let error = #expect(throws: ModelStoreError.self) {
            _ = try store(variables).find("htdemucs_ft")
        }
        guard case .notFound("htdemucs_ft", _, ["04573f0d"]) = error else {
            throw UnexpectedError(error)
        }
        try touch("\(Self.own)/checkpoints/04573f0d-f3cf25b2.th")
        let files = try store(variables).find("htdemucs_ft")
        #expect(
            files.checkpoints
                == [
                    "\(Self.torch)/f7e0c4bc-ba3fe64a.th", "mine/d12395a8.safetensors",
                    "\(Self.torch)/92cfc3b6-ef3bcb9c.th",
                    "\(Self.own)/checkpoints/04573f0d-f3cf25b2.th",
                ].map(folder.path(_:)))
        #expect(files.weights == (0..<4).map { row in (0..<4).map { $0 == row ? 1 : 0 } })
    }

    @Test func localBagsTakeTheMembersBesideThem() throws {
        try folder.write(
            "models: [a1, b2]\nweights: [[1, 2], [3, 4]]\nsegment: 5", "repo/mine.yaml")
        try touch("repo/a1-0123abcd.th", "repo/b2.safetensors", "repo/a1-short.th")
        let expected = [folder.path("repo/a1-0123abcd.th"), folder.path("repo/b2.safetensors")]
        let byName = try store(repository: folder.path("repo")).find("mine")
        let byPath = try store().find(folder.path("repo/mine.yaml"))
        for files in [byName, byPath] {
            #expect(files.name == "mine")
            #expect(files.checkpoints == expected)
            #expect(files.weights == [[1, 2], [3, 4]])
            #expect(files.segmentSeconds == 5)
        }
        try FileManager.default.removeItem(atPath: expected[1])
        #expect(
            throws: ModelStoreError.notFound(
                name: folder.path("repo/mine.yaml"), folders: [folder.path("repo")],
                missing: ["b2"])
        ) { _ = try store().find(folder.path("repo/mine.yaml")) }
    }

    @Test func brokenBagsAreReported() throws {
        try folder.write("models: 3", "repo/mine.yaml")
        #expect(throws: YAMLFileError.self) {
            _ = try store(repository: folder.path("repo")).find("mine")
        }
    }

    @Test func hubNamesFindTheirRepositoryOnly() throws {
        try touch("\(Self.torch)/955717e8-8726e21a.th")
        #expect(throws: ModelStoreError.self) { _ = try store().find("hf://someone/htdemucs") }
        try addHubRepository(
            "someone--HTDemucs-mine",
            files: ["htdemucs_mine.yaml": "models: [q1]", "q1.safetensors": "x"])
        try addHubRepository(
            "adefossez--Demucs-other", files: ["other.yaml": "models: [q2]", "q2.safetensors": "x"])
        let mine = try store().find("hf://someone/htdemucs_mine")
        #expect(mine.name == "htdemucs_mine" && mine.resultsName == "someone/htdemucs_mine")
        #expect(try store().find("hf://other").checkpoints.count == 1)
        let mix = try store().find("hf://other+hf://someone/htdemucs_mine")
        #expect(mix.resultsName == "other+someone/htdemucs_mine")
    }

    @Test func cachesAreFoundThroughTheirVariables() throws {
        let files = ["htdemucs.yaml": "models: ['955717e8']", "955717e8.safetensors": "x"]
        for (index, variables) in [
            ["HF_HUB_CACHE": "~/cache0"], ["HF_HOME": "~/cache1"], ["XDG_CACHE_HOME": "~/cache2"],
        ].enumerated() {
            let hub = ["cache0", "cache1/hub", "cache2/huggingface/hub"][index]
            try addHubRepository("adefossez--HTDemucs", files: files, hub: "home/\(hub)")
            let member = try #require(try store(variables).find("htdemucs").checkpoints.first)
            #expect(member.hasPrefix(folder.path("home/\(hub)/")))
            #expect(throws: ModelStoreError.self) { _ = try store().find("htdemucs") }
        }
        try touch("home/t/hub/checkpoints/5c90dfd2-34c22ccb.th")
        #expect(try store(["TORCH_HOME": "~/t"]).find("htdemucs_6s").checkpoints.count == 1)
    }

    @Test func damagedHubCachesAreIgnored() throws {
        let files = ["htdemucs.yaml": "models: ['955717e8']", "955717e8.safetensors": "x"]
        try addHubRepository("adefossez--HTDemucs", files: files)
        #expect(try store().find("htdemucs").checkpoints.count == 1)
        let main = "\(Self.hub)/models--adefossez--HTDemucs/refs/main"
        for content in [
            "", "../../..", "nothing", "a/b", "\u{0}", String(repeating: "a", count: 999),
        ] {
            try folder.write(content, main)
            #expect(throws: ModelStoreError.self) { _ = try store().find("htdemucs") }
        }
        try addHubRepository(
            "adefossez--HTDemucs-6s", files: ["htdemucs_6s.yaml": "models: ['5c90dfd2']"])
        #expect(throws: ModelStoreError.self) { _ = try store().find("htdemucs_6s") }
    }

    @Test(arguments: ["", ".", "..", "a b", "é", "hf://", "hf://a/b/c", "hf:///b", "hf://../x"])
    func impossibleNamesAreReported(name: String) throws {
        let error = #expect(throws: ModelStoreError.self) { _ = try store().find(name) }
        guard case .invalidName(name, _) = error else { throw UnexpectedError(error) }
    }

    @Test func aRepositoryHasToBeAFolder() throws {
        let path = try touch("file")[0]
        #expect(throws: ModelStoreError.repositoryMissing(path: path)) {
            _ = try store(repository: path)
        }
    }
}
