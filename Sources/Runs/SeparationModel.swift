import Demucs
import ModelZoo
import System
import Tensor

/// The files of a model, and what a run has to know before it loads them.
package struct SeparationModel {
    let files: ModelFiles
    /// Folder of the stems below that of the run.
    let folder: String
    /// Names of the model's stems, and of their parts.
    let stems: ModelStems
    /// The opened files; nil once the weights are loaded, because open files count as memory of the
    /// process.
    var opened: OpenedModel?
    let isQuantized: Bool
    /// Share of a segment that overlaps the next one, unless the request sets it.
    let overlap: Double
    /// SHA-256 of the model's configuration, if it is not in the checkpoints.
    private let configurationChecksum: String?
    /// The model, if it was loaded before; nil to load it for the first track.
    let separator: Separator?
    /// Checksums of such a model's files, which its runs share.
    let checksums: PendingChecksums?

    /// - Parameters:
    ///   - files: the model's files, with the member to use.
    ///   - name: the name that was asked for; nil for the default.
    ///   - separator: the model of these files, if it is loaded already; followers may not be.
    /// - Throws: `WeightsError`, `ConfigurationError`, `BagError`.
    package init(_ files: ModelFiles, name: String?, loaded separator: Separator? = nil) throws {
        self.files = files
        checksums = separator.map { _ in
            PendingChecksums(of: files.allCheckpoints, CancellationToken())
        }
        folder = SeparationModel.folder(files, name)
        let opened = try OpenedModel(files)
        stems = opened.stemSources.names
        self.separator = try separator.map {
            files.followers.isEmpty ? $0 : try Separator($0, followedBy: opened)
        }
        configurationChecksum = opened.configurationChecksum
        isQuantized = opened.isQuantized
        overlap = opened.overlap
        self.opened = separator == nil ? opened : nil
    }

    /// Folder name as in the reference. A name with slashes (`hf://`) gives one folder: without the
    /// scheme, and with `_` for each `/`.
    private static func folder(_ files: ModelFiles, _ given: String?) -> String {
        var name = files.name
        let scheme = "hf://"
        if let given, given.hasPrefix(scheme) { name = String(given.dropFirst(scheme.count)) }
        if let member = files.submodel { name += "_\(member)" }
        return name.replacing("/", with: "_")
    }

    /// The precision of a request, which that of a loaded model has to equal.
    func precision(of request: SeparationRequest) throws -> Precision {
        guard let separator else {
            return try request.precisionChoice.precision(isQuantized: isQuantized)
        }
        try separator.checkPrecision(of: request, isQuantized: isQuantized)
        return separator.precision
    }

    /// The checksums of the checkpoints and how they are combined.
    ///
    /// - Parameter checksums: SHA-256 of the checkpoints, in the order of the bag.
    func identity(_ checksums: [String]) -> SeparationRecord.Model {
        SeparationRecord.Model(
            checkpoints: checksums, member: files.submodel, weights: files.weights,
            segmentSeconds: files.segmentSeconds, configuration: configurationChecksum)
    }
}
