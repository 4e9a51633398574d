// A model as files on this machine, which is what a separator is made from.

import Foundation
import WeightsLoader

/// The files of a model: one checkpoint, or the members of a bag and what combines them.
public struct ModelFiles: Sendable, Equatable {
    /// What the model is called: its name in the zoo, or its file's without extension.
    public let name: String
    /// Checkpoints, in the order of the bag.
    public let members: [String]
    /// Per member, a weight for each source; `nil` for all ones.
    public let weights: [[Double]]?
    /// Replaces the segment length of members that have a longer one.
    public let segmentSeconds: Double?
    /// Which model of a file that holds several; `nil` for files that hold one.
    public var member: String?

    package init(
        name: String, members: [String], weights: [[Double]]? = nil, segmentSeconds: Double? = nil
    ) {
        self.name = name
        self.members = members
        self.weights = weights
        self.segmentSeconds = segmentSeconds
    }

    /// Whether a member has INT8 weights, which `Precision.int8` runs as they are.
    ///
    /// - Throws: ``WeightsError`` for a file that can't be read.
    public func isQuantized() throws -> Bool {
        try members.contains { try Checkpoint.open($0).isQuantized }
    }

    /// A single checkpoint.
    public init(checkpoint path: String) {
        self.init(name: ModelFiles.stem(of: path), members: [path])
    }

    /// Opens one of the checkpoints.
    ///
    /// - Throws: ``WeightsError``, also for a file without the model of that name.
    package func open(_ path: String) throws -> Checkpoint {
        let checkpoint = try Checkpoint.open(path)
        guard let member else { return checkpoint }
        return try checkpoint.member(member)
    }

    init(name: String, bag: Bag, members: [String]) {
        self.init(
            name: name, members: members, weights: bag.weights, segmentSeconds: bag.segmentSeconds)
    }

    /// The file's name without its folder and its last extension.
    static func stem(of path: String) -> String {
        let file = (path as NSString).lastPathComponent
        let stem = (file as NSString).deletingPathExtension
        return stem.isEmpty ? file : stem
    }
}
