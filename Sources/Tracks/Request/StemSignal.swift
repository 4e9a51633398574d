// Also Embedded Swift: typed throws, no key paths, no casts.
/// The signal of an output. Sums run over the stems in the model's order, as in the reference.
public enum StemSignal: Sendable, Equatable {
    /// A stem of the model, `vocals`.
    case stem(String)
    /// Several stems added up: a mix-down, or everything but one stem.
    case sum([String])
    /// The decoded track, in the model's channels, minus these stems: `minus_vocals`; minus all stems it is the
    /// residual. At the rate of the input it has what lies above the model's band.
    case mixtureMinus([String])
    /// The decoded track itself, in the model's channels.
    case mixture

    /// The stems that have to be separated for the signal.
    public var stems: [String] {
        switch self {
        case .stem(let name): [name]
        case .sum(let names), .mixtureMinus(let names): names
        case .mixture: []
        }
    }
}

/// A signal and its name, before it has a destination.
package struct NamedSignal: Equatable, Sendable, CustomStringConvertible {
    package let name: String
    package let signal: StemSignal
    /// Whether it adds something to a mix of all outputs; false for a sum that repeats others.
    package let isPart: Bool

    package init(_ name: String, _ signal: StemSignal, isPart: Bool = true) {
        self.name = name
        self.signal = signal
        self.isPart = isPart
    }

    /// The signal as a formula: `no_vocals = drums + bass + other`,
    /// `minus_vocals = track - vocals`.
    package var description: String {
        switch signal {
        case .stem(let stem): stem
        case .sum(let stems): "\(name) = " + stems.joined(separator: " + ")
        case .mixtureMinus(let stems): "\(name) = track - " + stems.joined(separator: " - ")
        case .mixture: "\(name) = track"
        }
    }
}

/// Names of the stems that a request can ask for.
package struct ModelStems: Sendable, Equatable {
    /// A part into which another model separates a stem.
    package struct Part: Sendable, Equatable {
        package let name: String
        package let stem: String

        package init(name: String, stem: String) {
            self.name = name
            self.stem = stem
        }
    }

    /// The stems that add up to the track.
    package let sources: [String]
    /// Stems that only later members of a bag have.
    package let others: [String]
    package let parts: [Part]

    package init(_ sources: [String], others: [String] = [], parts: [Part] = []) {
        self.sources = sources
        self.others = others
        self.parts = parts
    }

    package var all: [String] { sources + others + parts.map { $0.name } }
}
