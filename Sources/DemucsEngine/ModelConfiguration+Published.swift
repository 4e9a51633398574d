// The sizes of published models of each family, to measure them without their files.

import HTDemucs
import RoFormer

extension ModelConfiguration {
    private static let architectures: KeyValuePairs<String, Architecture> = [
        "htdemucs": .htdemucs, "hdemucs": .hdemucs, "demucs": .demucs,
    ]

    /// The names of ``init(publishedSizeOf:)``.
    package static let publishedNames =
        architectures.map(\.key) + RoFormerConfiguration.Published.allCases.map(\.rawValue)

    /// The configuration of a published model; nil for an unknown name.
    ///
    /// - Throws: `ConfigurationError`.
    package init?(publishedSizeOf name: String) throws {
        if let published = RoFormerConfiguration.Published(rawValue: name) {
            self = .roformer(try published.configuration())
        } else if let (_, architecture) = Self.architectures.first(where: { $0.key == name }) {
            self = .demucs(try Configuration(.publishedSize(of: architecture)))
        } else {
            return nil
        }
    }
}
