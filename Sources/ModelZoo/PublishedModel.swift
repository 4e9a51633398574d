// The published models that this engine runs: names, signatures, checksums.
// Reference: the files of demucs/remote.

/// A published model.
package struct PublishedModel: Sendable {
    /// A checkpoint of the model.
    package struct Member: Sendable {
        package let signature: String
        /// SHA-256 of the `.th` file: all 64 digits, or the first 8 where no more are known.
        package let checksum: String

        /// The `.th` file in torch hub's cache and at the official address,
        /// `955717e8-8726e21a.th`.
        package var torchFile: String { "\(signature)-\(checksum.prefix(8)).th" }
    }

    package let name: String
    package let members: [Member]
    /// `[member][source]`; nil for all ones.
    private let weights: [[Double]]?
    package let sources: [String]
    /// Size of the download, rounded; shown to users.
    package let approximateMegabytes: Int
    package let summary: String

    package var bag: BagFile {
        BagFile(signatures: members.map(\.signature), weights: weights, segmentSeconds: nil)
    }

    /// The official repository of the model.
    package var hub: HubRepository { HubRepository(model: name) }

    private static let fourSources = ["drums", "bass", "other", "vocals"]

    package static let all = [
        PublishedModel(
            name: "htdemucs",
            members: [
                Member(
                    signature: "955717e8",
                    checksum: "8726e21a993978c7ba086d3872e7608d7d5bfca646ca4aca459ffda844faa8b4")
            ],
            weights: nil, sources: fourSources, approximateMegabytes: 84, summary: "the default"),
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
    ]

    package static func named(_ name: String) -> PublishedModel? { all.first { $0.name == name } }

    /// The member of that signature and the model that it belongs to.
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
