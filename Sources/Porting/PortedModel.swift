// The one network whose core a port replaces.

import Foundation
import HTDemucs
import ModelZoo
import Tensor
import WeightsLoader

/// A checkpoint that was chosen for its core.
package struct PortedModel: Sendable {
    /// What to call it by to find it again: its file's whole path, or a name of the zoo.
    package let name: String
    package let configuration: Configuration
    package let warnings: [String]
    private let checkpoint: Checkpoint

    /// Reads what the model is, but none of its weights.
    ///
    /// - Parameter name: as it was named in a call; nil for the files' own.
    /// - Throws: ``PortingError/bagOfSeveral(name:members:)``, `WeightsError`, `ConfigurationError`.
    package init(_ files: ModelFiles, named name: String? = nil) throws {
        guard files.members.count == 1 else {
            throw PortingError.bagOfSeveral(name: files.name, members: files.members)
        }
        checkpoint = try Checkpoint.open(files.members[0])
        let (stored, warnings) = try Configuration.read(from: checkpoint)
        configuration =
            try files.segmentSeconds.map { try stored.shortened(toSegmentSeconds: $0) } ?? stored
        let isFile = name.map(FileManager.default.fileExists(atPath:)) ?? false
        self.name =
            isFile ? URL(fileURLWithPath: name ?? "").standardizedFileURL.path : name ?? files.name
        self.warnings = warnings
    }

    /// Loads the weights.
    ///
    /// - Throws: `WeightsError`.
    package func network(on backend: Backend) throws -> HTDemucs {
        try HTDemucs(
            configuration, warnings: [], parameters: checkpoint.parameters(), backend: backend)
    }

    package var checksum: String { checkpoint.sha256() }

    package var isQuantized: Bool { checkpoint.isQuantized }

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
    /// - Throws: ``PortingError/modelDiffers(folder:property:found:expected:)`` if it has another
    ///   number of them.
    package func named(after model: PortedModel, folder: String) throws(PortingError) -> Manifest {
        let sources = model.configuration.sources
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
