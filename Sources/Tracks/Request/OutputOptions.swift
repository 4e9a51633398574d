// Also Embedded Swift: typed throws, no key paths, no casts.
import Signal

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

    /// Container and sample format of the files.
    public var format: OutputFormat
    /// How signals beyond full scale are brought into range. `rescale` needs the peak first, so its
    /// signals are spooled.
    public var clipMode: ClipMode
    /// Whether signals share a gain; `common` needs the clip mode `rescale`.
    public var gain: Gain
    /// Sample rate of the files.
    public var rate: Rate
    /// Channels that are used of a recording with more channels than the model.
    public var downmix: Downmix
    /// The folder of temporary files; `nil` for the output's own, or the system's for descriptors.
    public var spoolFolder: String?
    /// Whether the title, the artist and the other tags of the input are written too.
    public var copiesTags: Bool

    /// The reference's defaults.
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
