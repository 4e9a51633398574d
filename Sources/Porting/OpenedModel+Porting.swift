// Opening a model for the porting commands: a single network with a core.

import Demucs
import ModelZoo
import Networks
import Signal
import System
import Tensor

extension OpenedModel {
    /// Opens a model that is a single network.
    ///
    /// - Parameters:
    ///   - name: the name given by the caller; nil for the name of the files. A path becomes
    ///     absolute, so that it stays valid in other folders.
    ///   - needsCore: whether to refuse a model without a core.
    /// - Throws: ``PortingError/bagOfSeveral(name:checkpoints:)``, ``PortingError/noCore(name:)``,
    ///   ``PortingError/otherFamily(name:family:)``, `WeightsError`, `ConfigurationError`.
    package init(
        porting files: ModelFiles, named name: String? = nil, needsCore: Bool = true
    ) throws {
        guard files.checkpoints.count == 1 else {
            throw PortingError.bagOfSeveral(name: files.name, checkpoints: files.checkpoints)
        }
        try self.init(files)
        if needsCore { _ = try core }
        guard let name else { return }
        let isFile = FilePath.status(name) != nil
        self.name = isFile ? FilePath.absolute(name) : name
    }

    var rules: TrackRules { configurations[0].trackRules }

    /// The transform around the network's core.
    ///
    /// - Throws: ``PortingError/noCore(name:)``, ``PortingError/otherFamily(name:family:)``
    var core: (nfft: Int, framing: STFT.Framing) {
        get throws(PortingError) {
            _ = try crossTransformer
            guard let core = configurations[0].coreTransform else { throw .noCore(name: name) }
            return core
        }
    }

    /// Layers and heads of the transformer between the branches.
    ///
    /// - Throws: ``PortingError/otherFamily(name:family:)``
    var crossTransformer: (layers: Int, heads: Int) {
        get throws(PortingError) {
            let configuration = configurations[0]
            guard let transformer = configuration.crossTransformer else {
                throw .otherFamily(name: name, family: type(of: configuration).familyName)
            }
            return transformer
        }
    }

    /// Checks that chunks were prepared for a model of this kind.
    ///
    /// - Throws: ``PortingError`` for the first property that differs.
    func check(_ description: ChunkDescription, folder: String) throws(PortingError) {
        let core = try core
        let prepared = description.model
        let properties = [
            (
                "the sources", rules.sources.joined(separator: ", "),
                prepared.sources.joined(separator: ", ")
            ),
            (
                "a number of channels of", "\(rules.audioChannels)",
                "\(prepared.channels)"
            ),
            ("a rate of", "\(rules.sampleRateHz)", "\(prepared.samplerate)"),
            ("an nfft of", "\(core.nfft)", "\(prepared.nfft)"),
            (
                "hybrid_old", "\(core.framing == .hybridOld)",
                "\(prepared.hybridOld ?? false)"
            ),
        ]
        for (property, found, expected) in properties where found != expected {
            throw .modelDiffers(
                path: folder, prepared: "\(property) \(expected)", found: found)
        }
    }
}

extension ChunkDescription {
    /// The description with the names of the model's sources.
    ///
    /// - Throws: ``PortingError`` if the numbers of sources differ.
    package func named(after model: OpenedModel, folder: String) throws(PortingError)
        -> ChunkDescription
    {
        let sources = model.sources
        guard sources.count == self.model.sources.count else {
            throw .modelDiffers(
                path: folder, prepared: "a number of sources of \(self.model.sources.count)",
                found: "\(sources.count)")
        }
        var renamed = self
        renamed.model.sources = sources
        return renamed
    }
}
