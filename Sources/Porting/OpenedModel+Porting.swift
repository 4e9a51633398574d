// The one network whose core a port replaces.

import Demucs
import Files
import Foundation
import HTDemucs
import ModelZoo

extension OpenedModel {
    /// Opens a model that is a single network.
    ///
    /// - Parameter name: the name given in a call; nil for the files' own. A path becomes absolute,
    ///   so that it finds the file again.
    /// - Throws: ``PortingError/bagOfSeveral(name:checkpoints:)``, `WeightsError`,
    ///   `ConfigurationError`.
    package init(porting files: ModelFiles, named name: String? = nil) throws {
        guard files.checkpoints.count == 1 else {
            throw PortingError.bagOfSeveral(name: files.name, checkpoints: files.checkpoints)
        }
        try self.init(files)
        guard let name else { return }
        let isFile = FilePath.status(name) != nil
        self.name = isFile ? URL(fileURLWithPath: name).standardizedFileURL.path : name
    }

    package var configuration: Configuration { configurations[0] }

    package var checksum: String { checksums[0] }

    /// Checks that chunks were prepared for a model of this kind.
    ///
    /// - Throws: ``PortingError/modelDiffers(folder:property:found:expected:)``.
    func check(_ manifest: Manifest, folder: String) throws(PortingError) {
        let prepared = manifest.model
        func check(
            _ property: String, _ found: String, _ expected: String
        ) throws(PortingError) {
            guard found == expected else {
                throw .modelDiffers(
                    folder: folder, property: property, found: found, expected: expected)
            }
        }
        let sources = configuration.sources.joined(separator: ", ")
        try check("the sources", sources, prepared.sources.joined(separator: ", "))
        try check(
            "a number of channels of", "\(configuration.audioChannels)", "\(prepared.channels)")
        try check("a rate of", "\(configuration.samplerate)", "\(prepared.samplerate)")
        try check("an nfft of", "\(configuration.nfft)", "\(prepared.nfft)")
    }
}

extension Manifest {
    /// The same chunks, their sources named as the model's.
    ///
    /// - Throws: ``PortingError/modelDiffers(folder:property:found:expected:)`` for another number
    ///   of sources.
    package func named(after model: OpenedModel, folder: String) throws(PortingError) -> Manifest {
        let sources = model.sources
        guard sources.count == self.model.sources.count else {
            throw .modelDiffers(
                folder: folder, property: "a number of sources of", found: "\(sources.count)",
                expected: "\(self.model.sources.count)")
        }
        var renamed = self
        renamed.model.sources = sources
        return renamed
    }
}
