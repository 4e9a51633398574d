// The published models that this engine runs: names, signatures, checksums.
// Reference: the files of demucs/remote.

/// A published checkpoint.
package struct KnownCheckpoint: Sendable, Equatable {
    package let signature: String
    /// The first digits of the SHA-256 of the `.th` file, which end its name.
    let checksumPrefix: String
    /// All 64 digits, where they are known.
    let checksum: String?

    init(_ signature: String, _ checksumPrefix: String, checksum: String? = nil) {
        self.signature = signature
        self.checksumPrefix = checksumPrefix
        self.checksum = checksum
    }

    /// Its name in torch hub's cache and at the official location, `955717e8-8726e21a.th`.
    package var torchFile: String { "\(signature)-\(checksumPrefix).th" }

    /// The official location of the `.th` file, relative to the download server's root.
    var torchPath: String { "demucs/hybrid_transformer/\(torchFile)" }

    /// SHA-256 of the `.th` file, as many digits as are known.
    package var torchChecksum: String { checksum ?? checksumPrefix }
}

/// A published model.
package struct KnownModel: Sendable {
    package let name: String
    package let checkpoints: [KnownCheckpoint]
    package let bag: Bag
    package let sources: [String]
    /// What a download takes, rounded: for the user's information.
    package let approximateMegabytes: Int
    package let summary: String

    private init(
        _ name: String, _ checkpoints: [KnownCheckpoint], weights: [[Double]]? = nil,
        sources: [String], approximateMegabytes: Int, summary: String
    ) {
        self.name = name
        self.checkpoints = checkpoints
        bag = Bag(signatures: checkpoints.map(\.signature), weights: weights)
        self.sources = sources
        self.approximateMegabytes = approximateMegabytes
        self.summary = summary
    }

    /// Where the official package publishes it.
    package var hub: HubRepository { HubRepository(model: name) }

    private static let fourSources = ["drums", "bass", "other", "vocals"]

    package static let all = [
        KnownModel(
            "htdemucs",
            [
                KnownCheckpoint(
                    "955717e8", "8726e21a",
                    checksum: "8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4")
            ], sources: fourSources, approximateMegabytes: 84, summary: "the default"),
        KnownModel(
            "htdemucs_ft",
            [
                KnownCheckpoint("f7e0c4bc", "ba3fe64a"), KnownCheckpoint("d12395a8", "e57c48e6"),
                KnownCheckpoint("92cfc3b6", "ef3bcb9c"), KnownCheckpoint("04573f0d", "f3cf25b2"),
            ],
            weights: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
            sources: fourSources, approximateMegabytes: 336,
            summary: "a model tuned for each stem: a little better, four times the work"),
        KnownModel(
            "htdemucs_6s", [KnownCheckpoint("5c90dfd2", "34c22ccb")],
            sources: fourSources + ["guitar", "piano"], approximateMegabytes: 55,
            summary: "guitar and piano besides; an experiment of its authors"),
    ]

    package static func named(_ name: String) -> KnownModel? { all.first { $0.name == name } }

    /// The checkpoint of that signature and the model that it belongs to.
    static func checkpoint(
        _ signature: String
    ) -> (checkpoint: KnownCheckpoint, model: KnownModel)? {
        for model in all {
            if let checkpoint = model.checkpoints.first(where: { $0.signature == signature }) {
                return (checkpoint, model)
            }
        }
        return nil
    }

    /// What is known about the licence of the published weights.
    package static let licenceNote =
        "The weights' author called them research-only in 2022 and republished them under an MIT "
        + "tag in 2026; they are downloaded from him, never bundled. The reference's code is MIT."
}
