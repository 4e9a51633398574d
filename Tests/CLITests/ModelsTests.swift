import Foundation
import TestSupport
import Testing

/// `models`, and fetching before a separation, with a local hub.
@Suite(.serialized) struct ModelsTests {
    private let folder = TemporaryFolder()
    private let checkpoint: Data

    init() throws {
        try folder.writeTrack("a.wav")
        checkpoint = try Data(contentsOf: Fixture.url("models/cross_first.safetensors"))
    }

    /// A proxy without a listener: every request beyond the local hub fails at once.
    private static let deadProxy = "http://127.0.0.1:1"

    @discardableResult
    private func run(
        _ arguments: String..., hub: LoopbackServer? = nil, variables: [String: String] = [:],
        exits code: Int32 = 0, at sign: String? = nil,
        do action: (Process) throws -> Void = { _ in }
    ) throws -> CommandRun {
        var environment = ["https_proxy": Self.deadProxy, "HF_HUB_OFFLINE": "0"]
        environment["HF_ENDPOINT"] = hub?.address
        return try CommandRun(
            arguments, in: folder.url, models: Fixture.bundledModels.path,
            environment: environment.merging(variables) { _, new in new }, exits: code, at: sign,
            do: action)
    }

    private func hub(_ files: [String: Data]) throws -> LoopbackServer {
        try LoopbackServer { request, _ in
            for (name, data) in files where request.target.hasSuffix("/resolve/main/\(name)") {
                return .file(data, request)
            }
            return .text(404)
        }
    }

    private func pairHub() throws -> LoopbackServer {
        try hub([
            "htdemucs_ft.yaml": Data("models: [aa, bb]\nweights: [[1, 0], [0, 1]]".utf8),
            "aa.safetensors": checkpoint, "bb.safetensors": checkpoint,
        ])
    }

    private var own: String {
        folder.url("home/.cache/swift-demucs/hub/adefossez").path
    }

    @Test func allPublishedModelsAreListed() throws {
        let before = try run("models")
        let names = [
            "htdemucs", "htdemucs_ft", "htdemucs_6s", "hdemucs_mmi", "mdx", "mdx_extra",
            "repro_mdx_a", "repro_mdx_a_hybrid_only", "repro_mdx_a_time_only",
        ]
        for name in names {
            #expect(before.output.contains("\n\(name): ") || before.output.hasPrefix("\(name): "))
            #expect(before.output.contains("'swift-demucs models fetch \(name)'"))
        }
        #expect(before.output.contains("research-only in 2022"))
        #expect(before.output.contains("MIT tag in 2026"))

        try run("models", "fetch", "htdemucs_ft", hub: try pairHub())
        let after = try run("models", "--json")
        let json = try after.json()
        let models = try #require(json["models"] as? [[String: Any]])
        #expect(models.map { $0["name"] as? String } == names)
        #expect(
            models[1]["files"] as? [String] == [
                "\(own)/HTDemucs-ft/aa.safetensors", "\(own)/HTDemucs-ft/bb.safetensors",
            ])
        #expect(models[1]["countBytes"] as? Int == 2 * checkpoint.count)
        #expect(models[0]["files"] as? [String] == [])
        #expect(models[2]["hubRepository"] as? String == "adefossez/HTDemucs-6s")
    }

    /// With these, another program can fetch the models: tools/web_lists makes the page's list of them.
    @Test func theListHasAddressesAndChecksums() throws {
        let json = try run("models", "--json").json()
        let models = try #require(json["models"] as? [[String: Any]])
        let first = try #require(models[0]["members"] as? [[String: String]])
        #expect(
            first == [
                [
                    "signature": "955717e8",
                    "hubAddress":
                        "https://huggingface.co/adefossez/HTDemucs/resolve/main/955717e8.safetensors",
                    "torchAddress":
                        "https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/955717e8-8726e21a.th",
                    "torchChecksum":
                        "8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4",
                ]
            ])
        let tuned = try #require(models[1]["members"] as? [[String: String]])
        #expect(
            tuned.map { $0["torchChecksum"] } == ["ba3fe64a", "e57c48e6", "ef3bcb9c", "f3cf25b2"])
        #expect(
            models[1]["weights"] as? [[Double]] == [
                [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1],
            ])
        let third = try #require(models[3]["members"] as? [[String: String]])
        #expect(
            third.map { $0["torchAddress"] } == [
                "https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/75fc33f5-1941ce65.th"
            ])
        #expect(models[3]["segmentSeconds"] as? Double == 44)
    }

    /// The error gives the reason and an alternative, before anything is fetched.
    @Test func packedModelsAreRefusedByName() throws {
        let hub = try hub([:])
        for (name, instead) in [("mdx_q", "'mdx'"), ("mdx_extra_q", "'mdx_extra'")] {
            let run = try run("a.wav", "-n", name, "-o", "out", hub: hub, exits: 3)
            #expect(run.errors.hasPrefix("error: the model '\(name)' can't be used: "))
            #expect(run.errors.contains("packed by diffq"))
            #expect(run.errors.contains(instead))
        }
        #expect(hub.requests.isEmpty)
    }

    @Test func fetchingReportsProgressAndPrintsTheFiles() throws {
        let hub = try pairHub()
        let files = ["aa", "bb"].map { "\(own)/HTDemucs-ft/\($0).safetensors" }
        let run1 = try run("models", "fetch", "htdemucs_ft", hub: hub)
        #expect(run1.outputLines.map(String.init) == files)
        #expect(run1.errors.contains("Downloading aa.safetensors (0."))
        #expect(run1.errors.contains("Downloaded bb.safetensors, 0."))
        #expect(run1.errors.contains("research-only"))
        let run2 = try run("models", "fetch", "htdemucs_ft", "-q", hub: hub)
        #expect(run2.errors.isEmpty)
        #expect(hub.requests.count == 3)
        let path = try run("models", "path", "htdemucs_ft")
        #expect(path.outputLines.map(String.init) == files)
    }

    @Test func pathFindsAndNeverFetches() throws {
        let hub = try pairHub()
        let missing = try run("models", "path", "htdemucs", hub: hub, exits: 3)
        #expect(missing.errors.hasPrefix("error: the model 'htdemucs' was not found in "))
        #expect(missing.errorLines.count == 1)
        #expect(hub.requests.isEmpty)
        let demo = try run("models", "path", "demo")
        #expect(demo.output.hasSuffix("Models/demo.safetensors\n"))
    }

    @Test func verifyFindsDamage() throws {
        try run("models", "verify")
        try run("models", "fetch", "htdemucs_ft", hub: try pairHub())
        let intact = try run("models", "verify")
        #expect(intact.outputLines.count == 2)
        #expect(intact.outputLines.allSatisfy { $0.hasPrefix("intact   \(own)") })
        let file = URL(fileURLWithPath: "\(own)/HTDemucs-ft/aa.safetensors")
        var bytes = try Data(contentsOf: file)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: file)
        let damaged = try run("models", "verify", exits: 3)
        #expect(damaged.outputLines.first == "damaged  \(file.path)")
        #expect(damaged.errors.contains("its SHA-256 is"))
    }

    @Test func separatingFetchesTheModelFirst() throws {
        let hub = try pairHub()
        let run = try run("a.wav", "-n", "htdemucs_ft", "--shifts=0", "-o", "out", hub: hub)
        #expect(run.outputLines == ["out/htdemucs_ft/a/drums.wav", "out/htdemucs_ft/a/rest.wav"])
    }

    @Test func aRepositoryFolderNeedsNoNetwork() throws {
        try folder.write(checkpoint, "aa.safetensors")
        try folder.write("models: [aa, aa]\nsegment: 0.2", "mine.yaml")
        for arguments in [["-n", "mine", "--repo", "."], ["-n", "./mine.yaml"]] {
            try folder.run(["a.wav", "--shifts=0", "-o", "out"] + arguments)
            #expect(folder.exists("out/mine/a/drums.wav"))
        }
    }

    /// The hub doesn't have the model, and requests for the `.th` file go to the dead proxy.
    @Test func anotherModelNeverReplacesANamedOne() throws {
        let hub = try hub([:])
        let run = try run("a.wav", "-n", "htdemucs", "-o", "out", hub: hub, exits: 3)
        #expect(run.errorLines.count == 1)
        #expect(run.errors.hasPrefix("error: the model 'htdemucs' could not be fetched: "))
        #expect(run.errors.contains("/adefossez/HTDemucs/resolve/main/htdemucs.yaml is not there"))
        #expect(
            run.errors.contains(
                "https://dl.fbaipublicfiles.com/demucs/hybrid_transformer/955717e8-8726e21a.th "
                    + "can't be reached"))
        #expect(!folder.exists("out"))
    }

    @Test func withoutANameAFailedFetchLeavesTheDemo() throws {
        let run = try run("a.wav", "-qo", "out", "--shifts=0", hub: try hub([:]))
        #expect(run.errors.hasPrefix("warning: the model 'htdemucs' could not be fetched: "))
        #expect(run.errorLines.count == 1)
        #expect(folder.exists("out/demo/a/vocals.wav"))
    }

    @Test func offlineIsObeyed() throws {
        let hub = try pairHub()
        let run = try run("a.wav", "-n", "htdemucs_ft", "--offline", hub: hub, exits: 3)
        #expect(run.errors.hasSuffix("and is not fetched because of --offline\n"))
        #expect(hub.requests.isEmpty)
    }

    #if os(Linux)
        /// Both libraries are replaced by empty files.
        @Test func aMissingLibraryIsReported() throws {
            for name in ["libcurl.so.4", "libcurl-gnutls.so.4"] { try folder.write(Data(), name) }
            let variables = ["LD_LIBRARY_PATH": folder.url("").path]
            let run1 = try run("models", "fetch", "htdemucs", variables: variables, exits: 3)
            #expect(
                run1.errors.contains(
                    "error: the model 'htdemucs' could not be fetched: libcurl can't be used: "))
            #expect(run1.errors.contains("libcurl.so.4"))
            #expect(
                run1.errors.hasSuffix(
                    "; install it (Debian package libcurl4), or copy the model's files to this "
                        + "machine and give their path with -n\n"))
            let run2 = try run("a.wav", "-qo", "out", "--shifts=0", variables: variables)
            #expect(run2.errors.hasPrefix("warning: the model 'htdemucs' could not be fetched: "))
            #expect(folder.exists("out/demo/a/vocals.wav"))
        }
    #endif

    @Test func proxyVariablesAreHonoured() throws {
        let proxy = try pairHub()
        try run(
            "models", "fetch", "htdemucs_ft",
            variables: [
                "HF_ENDPOINT": "http://127.0.0.2:9", "http_proxy": proxy.address, "no_proxy": "",
            ])
        #expect(
            proxy.requests.first?.target
                == "http://127.0.0.2:9/adefossez/HTDemucs-ft/resolve/main/htdemucs_ft.yaml")
    }

    @Test func anInterruptedFetchIsResumed() throws {
        let checkpoint = checkpoint
        let hub = try LoopbackServer { request, index in
            if request.target.hasSuffix(".yaml") {
                return Reply(body: Data("models: [aa]".utf8))
            }
            var reply = Reply.file(checkpoint, request)
            reply.headers.append(("ETag", "\"version 1\""))
            if index == 1 { reply.stallAfterBytes = 1000 }
            return reply
        }
        let part = "\(own)/HTDemucs-6s/aa.safetensors.part"
        let first = try run(
            "models", "fetch", "htdemucs_6s", hub: hub, exits: 130, at: "Downloading aa"
        ) { process in
            try waitUntil("1000 bytes have come") {
                (try? Data(contentsOf: URL(fileURLWithPath: part)))?.count == 1000
            }
            kill(process.processIdentifier, SIGINT)
        }
        #expect(first.errors.contains("interrupted while fetching htdemucs_6s"))
        #expect(first.output.isEmpty)
        let second = try run("models", "fetch", "htdemucs_6s", hub: hub)
        #expect(second.errors.contains("Going on with the download of aa.safetensors"))
        #expect(hub.requests.last?.firstByte == 1000)
    }
}
