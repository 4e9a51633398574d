import System
import WeightsLoader

/// The files of a model: one checkpoint, the checkpoints of a bag with their weights, or the files of
/// several models that are averaged.
public struct ModelFiles: Sendable, Equatable {
    /// The published name, or the file's name without extension.
    public let name: String
    /// The name for the folder of results: `namespace/name` of a hub's repository, else ``name``; of
    /// several models, theirs with a `+` between them.
    package internal(set) var resultsName: String
    /// Paths of the checkpoints, in the order of the bag.
    public let checkpoints: [String]
    /// Weights of the sources of each checkpoint, `[checkpoint][source]`; `nil` for all ones.
    public let weights: [[Double]]?
    /// Length of a segment, which replaces each checkpoint's own; that of an HTDemucs only if it is
    /// longer, and that of a RoFormer never.
    public var segmentSeconds: Double?
    /// The model to take from files with several models; `nil` for files with one.
    public var submodel: String?
    /// The description of the model, which replaces that in its checkpoint or in a YAML file beside
    /// it; `nil` for none.
    package var configuration: ConfigurationFile?
    /// The file of the bag; `nil` for none.
    package private(set) var bagPath: String?
    /// The models that are averaged; empty for one model.
    package private(set) var mixed: [ModelFiles] = []
    /// Models that separate stems of this one further.
    package var followers: [Follower] = []

    /// A model that separates a stem of another.
    package struct Follower: Sendable, Equatable {
        package let stem: String
        package let files: ModelFiles

        package init(stem: String, files: ModelFiles) {
            self.stem = stem
            self.files = files
        }
    }

    /// The checkpoints, then those of the followers.
    package var allCheckpoints: [String] {
        checkpoints + followers.flatMap(\.files.checkpoints)
    }

    package init(
        name: String, checkpoints: [String], weights: [[Double]]? = nil,
        segmentSeconds: Double? = nil
    ) {
        self.name = name
        resultsName = name
        self.checkpoints = checkpoints
        self.weights = weights
        self.segmentSeconds = segmentSeconds
    }

    /// A single checkpoint.
    public init(checkpoint path: String) {
        self.init(name: FilePath.stem(of: path), checkpoints: [path])
    }

    init(name: String, bag: BagFile, at path: String?, checkpoints: [String]) {
        self.init(
            name: name, checkpoints: checkpoints, weights: bag.weights,
            segmentSeconds: bag.segmentSeconds)
        bagPath = path
    }

    /// Several models, whose stems are averaged; one model alone as it is.
    init(averaging models: [ModelFiles]) {
        self =
            models.count == 1
            ? models[0]
            : ModelFiles(
                name: models.map(\.name).joined(separator: "+"),
                checkpoints: models.flatMap(\.checkpoints))
        if models.count > 1 {
            mixed = models
            resultsName = models.map(\.resultsName).joined(separator: "+")
        }
    }

    /// Whether a checkpoint has INT8 weights, which `Precision.int8` uses without conversion.
    ///
    /// - Throws: ``WeightsError`` for a file that can't be read.
    public func isQuantized() throws -> Bool {
        try checkpoints.contains { try Checkpoint.open($0).isQuantized }
    }

    /// Opens one of the checkpoints.
    ///
    /// - Throws: ``WeightsError``, also for a file that doesn't have the submodel.
    package func open(_ path: String) throws -> Checkpoint {
        let checkpoint = try Checkpoint.open(path)
        return try submodel.map(checkpoint.submodel) ?? checkpoint
    }

    /// The description of a checkpoint that holds only tensors: the given one, or the YAML file of
    /// the checkpoint's name beside it. `nil` if there is none, or if the checkpoint has its own.
    ///
    /// - Throws: ``YAMLFileError``; ``WeightsError`` if the file can't be read.
    package func configuration(of checkpoint: Checkpoint) throws -> ConfigurationFile? {
        if let configuration { return configuration }
        if checkpoint.describesModel { return nil }
        let path = checkpoint.path
        let names = ["yaml", "yml"].map { "\(FilePath.stem(of: path)).\($0)" }
        let beside = names.map { FilePath.sibling($0, of: path) }.filter(FilePath.isFile)
        return try beside.lazy.map(YAMLFile.read).first(where: \.describesModel)
            .map(ConfigurationFile.init)
    }
}
