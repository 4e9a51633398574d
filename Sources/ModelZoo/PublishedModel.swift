// The published models that this engine runs: names, signatures, checksums.
// Reference: the files of demucs/remote.

/// A published model: it is downloaded by its name.
public struct PublishedModel: Sendable {
    /// A checkpoint of the model.
    package struct Member: Sendable {
        package let signature: String
        /// SHA-256 of the `.th` file: all 64 digits, or the first 8 if no more are known.
        package let checksum: String
        /// Folder of the official server that has the `.th` file.
        private let folder: String

        init(signature: String, checksum: String, folder: String = "hybrid_transformer") {
            self.signature = signature
            self.checksum = checksum
            self.folder = folder
        }

        /// Name of the `.th` file in torch hub's cache and at the official address,
        /// `955717e8-8726e21a.th`.
        package var torchFile: String { "\(signature)-\(checksum.prefix(8)).th" }

        /// Address of the `.th` file, where the official package first published it.
        package var torchAddress: String {
            "https://dl.fbaipublicfiles.com/demucs/\(folder)/\(torchFile)"
        }
    }

    /// The name by which it is found and downloaded.
    public let name: String
    package let members: [Member]
    /// Weights of the sources of each member, `[member][source]`; nil for all ones.
    package let weights: [[Double]]?
    /// Names of the stems, in the model's order.
    public let sources: [String]
    /// Segment length of the bag in seconds; nil for that of its members.
    package let segmentSeconds: Double?
    /// Rounded size of the download, shown to users; nil if unknown.
    public let approximateMegabytes: Int?
    /// Half a sentence in English.
    public let summary: String

    private init(
        name: String, members: [Member], weights: [[Double]]? = nil, sources: [String],
        segmentSeconds: Double? = nil, approximateMegabytes: Int? = nil, summary: String
    ) {
        self.name = name
        self.members = members
        self.weights = weights
        self.sources = sources
        self.segmentSeconds = segmentSeconds
        self.approximateMegabytes = approximateMegabytes
        self.summary = summary
    }

    package var bag: BagFile {
        BagFile(
            signatures: members.map(\.signature), weights: weights,
            segmentSeconds: segmentSeconds)
    }

    package var hub: HubRepository { HubRepository(model: name) }

    private static let fourSources = ["drums", "bass", "other", "vocals"]

    /// All published models that this engine runs.
    public static let all = [
        PublishedModel(
            name: "htdemucs",
            members: [
                Member(
                    signature: "955717e8",
                    checksum: "8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4")
            ],
            sources: fourSources, approximateMegabytes: 84, summary: "the default"),
        PublishedModel(
            name: "htdemucs_ft",
            members: [
                Member(signature: "f7e0c4bc", checksum: "ba3fe64a"),
                Member(signature: "d12395a8", checksum: "e57c48e6"),
                Member(signature: "92cfc3b6", checksum: "ef3bcb9c"),
                Member(signature: "04573f0d", checksum: "f3cf25b2"),
            ],
            weights: [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
            sources: fourSources, approximateMegabytes: 336,
            summary: "a model tuned for each stem: a little better, four times the work"),
        PublishedModel(
            name: "htdemucs_6s",
            members: [Member(signature: "5c90dfd2", checksum: "34c22ccb")], weights: nil,
            sources: fourSources + ["guitar", "piano"], approximateMegabytes: 55,
            summary: "guitar and piano besides; an experiment of its authors"),
        PublishedModel(
            name: "hdemucs_mmi",
            members: [Member(signature: "75fc33f5", checksum: "1941ce65")], sources: fourSources,
            segmentSeconds: thirdVersionSeconds, approximateMegabytes: 167,
            summary: "Hybrid Demucs v3, trained on the data of htdemucs"),
        thirdVersion(
            "mdx",
            ["0d19c1c6-0f06f20e", "7ecf8ec1-70f50cc9", "c511e2ab-fe698775", "7d865c68-3d5dd56b"],
            weights: [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 1, 1], [1, 0, 1, 1]],
            summary: "v3, winner of track A of the MDX challenge 2021: trained on MusDB alone"),
        thirdVersion(
            "mdx_extra",
            ["e51eebcc-c1b80bdd", "a1d90b5c-ae9d2452", "5d2d6c55-db83574e", "cfa93e08-61801ae1"],
            summary: "v3 of track B: trained on more than MusDB"),
        thirdVersion(
            "repro_mdx_a",
            ["9a6b4851-03af0aa6", "1ef250f1-592467ce", "fa0cb7f9-100d8bf4", "902315c2-b39ce9c9"],
            summary: "v3, track A's models trained again: two on waveforms, two hybrid"),
        thirdVersion(
            "repro_mdx_a_hybrid_only",
            ["fa0cb7f9-100d8bf4", "902315c2-b39ce9c9", "fa0cb7f9-100d8bf4", "902315c2-b39ce9c9"],
            summary: "the hybrid ones of repro_mdx_a, twice each"),
        thirdVersion(
            "repro_mdx_a_time_only",
            ["9a6b4851-03af0aa6", "9a6b4851-03af0aa6", "1ef250f1-592467ce", "1ef250f1-592467ce"],
            summary: "those of repro_mdx_a on waveforms, twice each"),
    ]

    /// Segment length in seconds of the official bags of v3.
    private static let thirdVersionSeconds = 44.0

    /// A bag of v3.
    ///
    /// - Parameter files: signature and checksum of each member.
    private static func thirdVersion(
        _ name: String, _ files: [String], weights: [[Double]]? = nil, summary: String
    ) -> PublishedModel {
        PublishedModel(
            name: name,
            members: files.map {
                Member(
                    signature: String($0.prefix(8)), checksum: String($0.suffix(8)),
                    folder: "mdx_final")
            },
            weights: weights, sources: fourSources, segmentSeconds: thirdVersionSeconds,
            summary: summary)
    }

    /// Names of published models whose weights are packed by diffq, with their members' signatures.
    private static let packed = [
        "mdx_q": ["6b9c2ca1", "b72baf4e", "42e558d4", "305bc58f"],
        "mdx_extra_q": ["83fc094f", "464b36d7", "14fc6a69", "7fd6ef75"],
    ]

    /// Whether this is the name of a published model packed by diffq, or of one of its members.
    package static func isPacked(_ name: String) -> Bool {
        packed[name] != nil || packed.values.contains { $0.contains(name) }
    }

    package static func named(_ name: String) -> PublishedModel? { all.first { $0.name == name } }

    package static func member(_ signature: String) -> (member: Member, model: PublishedModel)? {
        for model in all {
            if let member = model.members.first(where: { $0.signature == signature }) {
                return (member, model)
            }
        }
        return nil
    }

    /// The licence of the published weights, as far as it is known.
    package static let licenceNote =
        "The weights' author called them research-only in 2022 and republished them under an MIT "
        + "tag in 2026; they are downloaded from him, never bundled. The reference's code is MIT."
}
