// Also Embedded Swift: typed throws, no key paths, no casts.
// The three classes of the reference that published checkpoints use.

/// A class of models: its name in YAML files, its constructor's arguments, and the network that it
/// builds.
package enum Architecture: String, Sendable, CaseIterable {
    /// Hybrid Transformer Demucs, v4.
    case htdemucs
    /// Hybrid Demucs, v3.
    case hdemucs
    /// Demucs on waveforms alone, v3.
    case demucs

    /// Module and class of the reference, as checkpoints store it.
    package var className: String {
        switch self {
        case .htdemucs: "demucs.htdemucs.HTDemucs"
        case .hdemucs: "demucs.hdemucs.HDemucs"
        case .demucs: "demucs.demucs.Demucs"
        }
    }

    package static let classNames = allCases.map { $0.className }

    init?(className: String) {
        guard let found = Self.allCases.first(where: { $0.className == className }) else {
            return nil
        }
        self = found
    }

    /// `__init__`'s parameters in order, for positional arguments.
    package var argumentOrder: [String] {
        Argument.all.flatMap { $0.classes.contains(self) ? $0.names : [] }
    }
}
