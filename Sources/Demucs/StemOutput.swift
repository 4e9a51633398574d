// The files of a separation: their signals, destinations, formats and levels.

import Audio

/// One signal that a separation writes.
public struct StemOutput: Sendable, Equatable {
    /// Which samples are written. Sums run over the stems in the model's order, as the reference's
    /// do.
    public enum Signal: Sendable, Equatable {
        /// A stem of the model, `vocals`.
        case stem(String)
        /// Several stems added up: a mix-down, or everything but one stem.
        case sum([String])
        /// The decoded track, at the model's rate and channels, less these stems: `minus_vocals`;
        /// less all stems it is the residual.
        case mixtureMinus([String])
        /// The decoded track itself, at the model's rate and channels.
        case mixture

        /// The stems that have to be separated for it.
        public var stems: [String] {
            switch self {
            case .stem(let name): [name]
            case .sum(let names), .mixtureMinus(let names): names
            case .mixture: []
            }
        }
    }

    /// Names the signal in the report and in messages.
    public var name: String
    public var signal: Signal
    public var destination: OutputDestination

    public init(name: String, signal: Signal, to destination: OutputDestination) {
        self.name = name
        self.signal = signal
        self.destination = destination
    }
}

/// How the signals of a track are written.
public struct OutputOptions: Sendable, Equatable {
    /// How signals are brought below full scale.
    public enum Gain: String, Sendable, CaseIterable {
        /// Each signal by a gain of its own, as in the reference.
        case perStem = "stem"
        /// All signals of a track by one gain, so that stems still sum to the mix.
        case common
    }

    /// The rate of the files.
    public enum Rate: String, Sendable, CaseIterable {
        /// The model's, as in the reference.
        case model
        /// The input's: as many samples as were read.
        case input
    }

    public var format: OutputFormat
    /// How signals beyond full scale are brought into range. `rescale` has to know the peak first, so
    /// its signals are spooled.
    public var clipMode: ClipMode
    /// `common` needs the clip mode `rescale`.
    public var gain: Gain
    public var rate: Rate
    /// Which channels of a recording are used if it has more than the model.
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
    /// Where it begins, from 0.
    public var startSeconds: Double
    /// Its length, positive; `nil` goes on to the end.
    public var durationSeconds: Double?

    public init(startSeconds: Double = 0, durationSeconds: Double? = nil) {
        self.startSeconds = startSeconds
        self.durationSeconds = durationSeconds
    }
}
