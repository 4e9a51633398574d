// Outputs of a separation: their signals, names, destinations, formats and levels.

import Audio

/// One signal that a separation writes.
public struct StemOutput: Sendable, Equatable {
    /// The signal of an output. Sums run over the stems in the model's order, as in the reference.
    public enum Signal: Sendable, Equatable {
        /// A stem of the model, `vocals`.
        case stem(String)
        /// Several stems added up: a mix-down, or everything but one stem.
        case sum([String])
        /// The decoded track, at the model's rate and channels, minus these stems: `minus_vocals`;
        /// minus all stems it is the residual.
        case mixtureMinus([String])
        /// The decoded track itself, at the model's rate and channels.
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

    /// Name of the signal in the report and in messages.
    public var name: String
    public var signal: Signal
    public var destination: OutputDestination

    public init(name: String, signal: Signal, to destination: OutputDestination) {
        self.name = name
        self.signal = signal
        self.destination = destination
    }
}

/// A signal and its name, before it has a destination.
package struct NamedSignal: Equatable, Sendable, CustomStringConvertible {
    package let name: String
    package let signal: StemOutput.Signal
    /// Whether it adds something to a mix of all outputs; false for a sum that repeats others.
    package let isPart: Bool

    package init(_ name: String, _ signal: StemOutput.Signal, isPart: Bool = true) {
        self.name = name
        self.signal = signal
        self.isPart = isPart
    }

    package func written(to destination: OutputDestination) -> StemOutput {
        StemOutput(name: name, signal: signal, to: destination)
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

/// Options for writing the signals of a track.
public struct OutputOptions: Sendable, Equatable {
    /// Gain that brings signals below full scale.
    public enum Gain: String, Sendable, CaseIterable {
        /// Each signal has its own gain, as in the reference.
        case perStem = "stem"
        /// All signals of a track share one gain, so that stems still sum to the mix.
        case common
    }

    /// Sample rate of the files.
    public enum Rate: String, Sendable, CaseIterable {
        /// The model's rate, as in the reference.
        case model
        /// The input's rate: a file has as many samples as the input.
        case input
    }

    public var format: OutputFormat
    /// How signals beyond full scale are brought into range. `rescale` needs the peak first, so its
    /// signals are spooled.
    public var clipMode: ClipMode
    /// Whether signals share a gain; `common` needs the clip mode `rescale`.
    public var gain: Gain
    public var rate: Rate
    /// Channels that are used of a recording with more channels than the model.
    public var downmix: Downmix
    /// The folder of temporary files; `nil` for the output's own, or the system's for descriptors.
    public var spoolFolder: String?
    /// Whether the title, the artist and the other tags of the input are written too.
    public var copiesTags: Bool

    public init(
        format: OutputFormat = .init(), clipMode: ClipMode = .rescale, gain: Gain = .perStem,
        rate: Rate = .model, downmix: Downmix = .first, spoolFolder: String? = nil,
        copiesTags: Bool = true
    ) {
        self.format = format
        self.clipMode = clipMode
        self.gain = gain
        self.rate = rate
        self.downmix = downmix
        self.spoolFolder = spoolFolder
        self.copiesTags = copiesTags
    }
}

/// A part of a track, separated as if it were the whole file; the statistics are the part's own.
public struct Excerpt: Sendable, Equatable {
    /// Start in seconds, from 0.
    public var startSeconds: Double
    /// Length in seconds, positive; `nil` goes on to the end.
    public var durationSeconds: Double?

    public init(startSeconds: Double = 0, durationSeconds: Double? = nil) {
        self.startSeconds = startSeconds
        self.durationSeconds = durationSeconds
    }
}
