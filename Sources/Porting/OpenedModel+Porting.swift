// Opening a model for the porting commands: a single network with a core.

import Demucs
import HTDemucs
import ModelZoo
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
    ///   ``PortingError/otherFamily(name:)``, `WeightsError`, `ConfigurationError`.
    package init(
        porting files: ModelFiles, named name: String? = nil, needsCore: Bool = true
    ) throws {
        guard files.checkpoints.count == 1 else {
            throw PortingError.bagOfSeveral(name: files.name, checkpoints: files.checkpoints)
        }
        try self.init(files)
        if needsCore, try configuration.arguments.architecture == .demucs {
            throw PortingError.noCore(name: files.name)
        }
        guard let name else { return }
        let isFile = FilePath.status(name) != nil
        self.name = isFile ? FilePath.absolute(name) : name
    }

    /// The configuration of a model of demucs.
    ///
    /// - Throws: ``PortingError/otherFamily(name:)``
    package var configuration: Configuration {
        get throws(PortingError) {
            guard case .demucs(let configuration) = configurations[0] else {
                throw .otherFamily(name: name)
            }
            return configuration
        }
    }

    var rules: TrackRules { configurations[0].trackRules }

    /// Loads the network, which has a core.
    ///
    /// - Throws: ``PortingError/noCore(name:)``, `WeightsError`.
    package func hybridNetwork(on backend: Backend) throws -> any HybridNetwork {
        guard let network = try network(on: backend).hybrid else {
            throw PortingError.noCore(name: name)
        }
        return network
    }

    package var checksum: String { checksums[0] }

    /// Checks that chunks were prepared for a model of this kind.
    ///
    /// - Throws: ``PortingError`` for the first property that differs.
    func check(_ description: ChunkDescription, folder: String) throws(PortingError) {
        let configuration = try configuration
        let prepared = description.model
        let properties = [
            (
                "the sources", configuration.arguments.sources.joined(separator: ", "),
                prepared.sources.joined(separator: ", ")
            ),
            (
                "a number of channels of", "\(configuration.arguments.audioChannels)",
                "\(prepared.channels)"
            ),
            ("a rate of", "\(configuration.arguments.samplerate)", "\(prepared.samplerate)"),
            ("an nfft of", "\(configuration.arguments.nfft)", "\(prepared.nfft)"),
            (
                "hybrid_old", "\(configuration.arguments.hybridOld)",
                "\(prepared.hybridOld ?? false)"
            ),
        ]
        for (property, found, expected) in properties where found != expected {
            throw .modelDiffers(
                path: folder, prepared: "\(property) \(expected)", found: found)
        }
    }
}

extension ModelNetwork {
    /// Runs the network on a mix of any length, `[channels, samples]`, without padding.
    func forwardUnpadded(_ mix: Tensor, observer: some ForwardObserver) throws {
        if let hybrid {
            _ = try hybrid.forward(mix, z: nil, samples: mix.shape[1], observer: observer)
        } else {
            _ = try forward(mix, observer: observer)
        }
    }

    /// The network if it has a core; else nil.
    var hybrid: (any HybridNetwork)? {
        switch self {
        case .demucs(let network): network.hybrid
        case .roformer: nil
        }
    }
}

extension Configuration {
    func spectrogram(on backend: Backend) -> CoreSpectrogram {
        CoreSpectrogram(nfft: arguments.nfft, framing: framing, on: backend)
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
