// The model of a run, of a handle of the C interface or of the service's jobs.

import Demucs
import ModelZoo
import Synchronization
import System
import Tensor

/// The checkpoints of a model by content, and how they are combined.
package struct ModelIdentity: Codable, Hashable, Sendable {
    /// SHA-256 of each file, in the order of the bag, then of the models that follow.
    let checkpoints: [String]
    let member: String?
    let weights: [[Double]]?
    let segmentSeconds: Double?
    /// SHA-256 of the configuration, if it is not in the checkpoints.
    let configuration: String?
}

/// The files of a model, and what has to be known of it before its weights are loaded, once.
package final class ChosenModel: Sendable {
    package let files: ModelFiles
    /// The model's networks and stems, with those of the models that follow it.
    package let stemSources: StemSources
    package let int8Support: Int8Support
    /// Share of a segment that overlaps the next one, unless the request sets it; nil if the members
    /// of a bag have different ones.
    let overlap: Double?
    /// All files that were read.
    let paths: [String]
    private let configurationChecksum: String?
    private let checksums: ModelChecksums
    private let cancellation: CancellationToken

    private struct State {
        /// Nil once the weights are loaded, because open files count as memory of the process.
        var opened: OpenedModel?
        var separator: Separator?
        var followed: (steps: [SeparationRequest.Following], model: ChosenModel)?
    }
    private let state: Mutex<State>

    /// - Parameters:
    ///   - files: the model's files, with the member to use.
    ///   - cancellation: ends the computation of checksums.
    /// - Throws: `WeightsError`, `ConfigurationError`, `BagError`.
    package convenience init(
        _ files: ModelFiles, cancellation: CancellationToken = CancellationToken()
    ) throws {
        try self.init(files, after: nil, cancellation)
    }

    private init(
        _ files: ModelFiles, after first: ChosenModel?, _ cancellation: CancellationToken
    ) throws {
        let opened = try OpenedModel(files)
        self.files = files
        self.cancellation = cancellation
        checksums = ModelChecksums(
            of: Array(files.allCheckpoints[(first?.files.checkpoints.count ?? 0)...]),
            after: first?.checksums, cancellation)
        stemSources = opened.stemSources
        int8Support = opened.int8Support
        overlap = opened.overlap
        paths = opened.paths
        configurationChecksum = opened.configurationChecksum
        let separator = try first?.separator.map { try Separator($0, followedBy: opened) }
        state = Mutex(State(opened: separator == nil ? opened : nil, separator: separator))
    }

    package var name: String { files.name }

    /// Name of the folder of this model's stems, as in the reference; a `/` becomes `_`, as does each dot of a name
    /// that would be another folder's.
    package var folder: String {
        let name = (files.resultsName + (files.submodel.map { "_\($0)" } ?? ""))
            .replacing("/", with: "_")
        if name.isEmpty { return "_" }
        return [".", ".."].contains(name) ? name.replacing(".", with: "_") : name
    }

    /// Names of the model's stems, and of their parts.
    package var stems: ModelStems { stemSources.names }

    /// The model with those that separate its stems further, which is remembered until others
    /// follow. It has this model's weights, if they are loaded.
    ///
    /// - Parameter find: finds the files of a name or path.
    /// - Throws: the errors of finding, opening and loading the models that follow.
    package func followed(
        by steps: [SeparationRequest.Following]?, finding find: (String) throws -> ModelFiles
    ) throws -> ChosenModel {
        guard let steps, !steps.isEmpty else { return self }
        let known = state.withLock { $0.followed }
        if let known, known.steps == steps { return known.model }
        let model = try ChosenModel(
            files.followed(by: steps, finding: find), after: self, cancellation)
        state.withLock { $0.followed = (steps, model) }
        return model
    }

    // MARK: - Loading

    /// The loaded model; nil before.
    package var separator: Separator? { state.withLock { $0.separator } }

    /// Loads the weights, unless they are loaded.
    package func load(
        stems: [String]? = nil, threads: Int? = nil, segmentsInParallel: Int = 1,
        precision: Precision
    ) throws -> Separator {
        try state.withLock { state in
            if let loaded = state.separator { return loaded }
            let separator = try Separator(
                state.opened.take() ?? OpenedModel(files), stems: stems, threads: threads,
                segmentsInParallel: segmentsInParallel, precision: precision)
            state.separator = separator
            return separator
        }
    }

    /// Loads the weights for a caller that keeps them itself.
    package func separator(threads: Int, precision: Precision) throws -> Separator {
        try Separator(OpenedModel(files), threads: threads, precision: precision)
    }

    /// Closes the files of a model that may never be loaded.
    package func close() { state.withLock { $0.opened = nil } }

    /// The precision of a request; `auto` is that of a loaded model, whatever follows it.
    ///
    /// - Throws: `RunError.request` if the model is loaded in another one.
    package func precision(of request: SeparationRequest) throws -> Precision {
        let loaded = separator?.precision
        if let loaded, request.precision == nil || request.precisionChoice == .auto {
            return loaded
        }
        let precision = try request.precisionChoice.precision(for: int8Support)
        if let loaded, precision != loaded {
            throw RunError.request(
                .invalidValue(
                    field: "precision", value: request.precision ?? "",
                    expected: "\(loaded.rawValue), in which the model was loaded"))
        }
        return precision
    }

    // MARK: - Identity

    /// Begins to compute the checksums of the files, while other work goes on.
    package func beginIdentity() { checksums.begin() }

    /// What the model is, whatever its files are called.
    ///
    /// - Throws: `SystemError` if a file can't be read; `CancellationError`.
    package var identity: ModelIdentity {
        get throws {
            ModelIdentity(
                checkpoints: try checksums(), member: files.submodel, weights: files.weights,
                segmentSeconds: files.segmentSeconds, configuration: configurationChecksum)
        }
    }

    /// A name of the identity, and of which model follows on which stem.
    ///
    /// - Throws: as ``identity``.
    package var digest: String {
        get throws {
            let steps = files.followers.map { "\($0.stem)=\($0.files.name)" }
            return SHA256(of: JSONText.of(try identity) + steps.joined(separator: " ")).hexadecimal
        }
    }
}
