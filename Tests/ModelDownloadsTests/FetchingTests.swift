import Foundation
import ModelDownloads
import ModelZoo
import System
import TestSupport
import Testing
import WeightsLoader

/// Models from a hub on this machine. No test requests the official `.th` address: where a store
/// would fall back to it, its downloads fail earlier.
@Suite(.serialized) struct FetchingTests {
    private let folder = TemporaryFolder()
    private let checkpoint: Data

    init() throws {
        checkpoint = try Data(contentsOf: Fixture.url("models/cross_first.safetensors"))
    }

    private func store(
        _ endpoint: String, isOffline: Bool = false, _ variables: [String: String] = [:]
    ) throws -> ModelStore {
        let environment = ["HOME": folder.path("home"), "HF_ENDPOINT": endpoint]
        return try ModelStore(
            isOffline: isOffline, environment: environment.merging(variables) { _, new in new })
    }

    /// A policy with short waits between retries.
    private static let policy = DownloadPolicy(
        attempts: 2, firstDelaySeconds: 0.01, longestDelaySeconds: 1, stallSeconds: 30)

    /// A hub with the files of one repository; large ones are on a storage server, as in the real
    /// hub.
    private func hub(_ files: [String: Data], at path: String) throws -> LoopbackServer {
        try LoopbackServer { request, _ in
            let prefix = "\(path)/resolve/main/"
            if request.target.hasPrefix(prefix),
                let data = files[String(request.target.dropFirst(prefix.count))]
            {
                return .file(data, request, headers: [("ETag", "\"\(data.count)\"")])
            }
            return .text(404)
        }
    }

    @Test func aBagAndItsMembersAreFetchedOnce() throws {
        let hub = try hub(
            [
                "htdemucs_pair.yaml": Data("models: [aa, bb]\nweights: [[1, 0], [0, 1]]".utf8),
                "aa.safetensors": checkpoint, "bb.safetensors": checkpoint,
            ], at: "/someone/HTDemucs-pair")
        let store = try store(hub.address + "/")
        let files = try store.findOrFetch("hf://someone/htdemucs_pair", policy: Self.policy)
        let own = folder.path("home/.cache/swift-demucs/hub/someone/HTDemucs-pair")
        #expect(files.name == "htdemucs_pair")
        #expect(files.checkpoints == ["\(own)/aa.safetensors", "\(own)/bb.safetensors"])
        #expect(files.weights == [[1, 0], [0, 1]])
        #expect(hub.requests.count == 3)
        #expect(try store.findOrFetch("hf://someone/htdemucs_pair", policy: Self.policy) == files)
        #expect(try store.installedCheckpoints() == files.checkpoints)
        #expect(try store.verify(files.checkpoints[0]) == .intact)
        #expect(hub.requests.count == 3)
    }

    @Test func publishedNamesComeFromTheOfficialRepositories() throws {
        let hub = try hub(
            [
                "htdemucs_6s.yaml": Data("models: ['5c90dfd2']".utf8),
                "5c90dfd2.safetensors": checkpoint,
            ], at: "/adefossez/HTDemucs-6s")
        #expect(
            try store(hub.address).findOrFetch("htdemucs_6s", policy: Self.policy).name
                == "htdemucs_6s")
        #expect(
            hub.requests.map(\.target) == [
                "/adefossez/HTDemucs-6s/resolve/main/htdemucs_6s.yaml",
                "/adefossez/HTDemucs-6s/resolve/main/5c90dfd2.safetensors",
            ])
    }

    @Test func aSignatureFetchesOneCheckpoint() throws {
        let hub = try hub(["d12395a8.safetensors": checkpoint], at: "/adefossez/HTDemucs-ft")
        let files = try store(hub.address).findOrFetch("d12395a8", policy: Self.policy)
        #expect(files.checkpoints.count == 1 && files.name == "d12395a8")
        #expect(hub.requests.count == 1)
    }

    @Test func membersThatAreHereAreNotFetched() throws {
        let hub = try hub(
            [
                "htdemucs_ft.yaml": Data("models: [f7e0c4bc, d12395a8]".utf8),
                "d12395a8.safetensors": checkpoint,
            ], at: "/adefossez/HTDemucs-ft")
        try folder.write("x", "home/.cache/torch/hub/checkpoints/f7e0c4bc-ba3fe64a.th")
        let files = try store(hub.address).findOrFetch("htdemucs_ft", policy: Self.policy)
        #expect(files.checkpoints.map { FilePath.pathExtension(of: $0) } == ["th", "safetensors"])
        #expect(hub.requests.count == 2)
    }

    /// The server sends a web page, such as the login page of a wireless network.
    @Test func aPageInPlaceOfAFileIsRefused() throws {
        let page = Data("<!DOCTYPE html><html><body>Please log in</body></html>".utf8)
        let everything = try LoopbackServer { _, _ in Reply(body: page) }
        let checkpointOnly = try hub(
            ["a.yaml": Data("models: [aa]".utf8), "aa.safetensors": page], at: "/x/Demucs-a")
        for hub in [everything, checkpointOnly] {
            let error = #expect(throws: ModelStoreError.self) {
                _ = try store(hub.address).findOrFetch("hf://x/a", policy: Self.policy)
            }
            guard case .notFetched("hf://x/a", let reasons) = error,
                case .wrongContent = reasons.first
            else { throw UnexpectedError(error) }
        }
        #expect(folder.files.allSatisfy { !$0.hasSuffix(".safetensors") })
    }

    @Test func aBagOfTheHubCannotReachOutOfItsFolder() throws {
        let hub = try hub(
            ["a.yaml": Data("models: ['../../../../escaped']".utf8)], at: "/x/Demucs-a")
        #expect(throws: ModelStoreError.self) {
            _ = try store(hub.address).findOrFetch("hf://x/a", policy: Self.policy)
        }
        #expect(folder.files.allSatisfy { !$0.contains("escaped") })
    }

    @Test func unknownNamesAreNotAskedFor() throws {
        let hub = try hub([:], at: "/")
        let error = #expect(throws: ModelStoreError.self) {
            _ = try store(hub.address).findOrFetch("htdemuc", policy: Self.policy)
        }
        guard case .notFound("htdemuc", _, []) = error else { throw UnexpectedError(error) }
        #expect(hub.requests.isEmpty)
    }

    @Test func aMissingRepositoryIsReported() throws {
        let hub = try hub([:], at: "/")
        #expect(
            throws: ModelStoreError.notFetched(
                name: "hf://x/a",
                reasons: [
                    .refused(url: "\(hub.address)/x/Demucs-a/resolve/main/a.yaml", status: 404)
                ])
        ) { _ = try store(hub.address).findOrFetch("hf://x/a", policy: Self.policy) }
    }

    @Test func offlineFetchesNothing() throws {
        let hub = try hub([:], at: "/")
        for (isOffline, variables, reason) in [
            (true, [:], .requested), (false, ["HF_HUB_OFFLINE": "1"], .environment),
            (false, ["HF_HUB_OFFLINE": "true"], .environment),
        ] as [(Bool, [String: String], OfflineReason)] {
            let error = #expect(throws: ModelStoreError.self) {
                _ = try store(hub.address, isOffline: isOffline, variables)
                    .findOrFetch("htdemucs", policy: Self.policy)
            }
            guard case .offline("htdemucs", _, reason) = error else { throw UnexpectedError(error) }
        }
        #expect(hub.requests.isEmpty)
        #expect(folder.files.isEmpty)
    }

    @Test(arguments: [
        "http://example.org", "http://192.168.0.1:80", "ftp://127.0.0.1", "127.0.0.1:80", "x",
        "https://", "https://example.org/?a=b", "http://127.0.0.1.example.org", "http://[",
        "https://example.org/#a", "http://localhost.example.org",
    ])
    func endpointsMustBeEncryptedOrLocal(endpoint: String) throws {
        let error = #expect(throws: ModelStoreError.self) {
            _ = try store(endpoint).findOrFetch("hf://x/a", policy: Self.policy)
        }
        #expect(error == .invalidEndpoint(value: endpoint.hasSuffix("://") ? "https:" : endpoint))
    }
}
