// The configuration of a RoFormer: checked hyperparameters, and the sizes that follow from them.
// Reference: `BSRoformer` and `MelBandRoformer` of audio-separator 0.47.1.

import Networks
import Signal
import WeightsLoader

/// A complete, checked description of a BS-RoFormer or a Mel-Band RoFormer.
package struct RoFormerConfiguration: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// Band-Split RoFormer (Lu, Wang, Kong, Hung 2023, arXiv:2309.02612).
        case bandSplit = "bs_roformer.BSRoformer"
        /// Mel-Band RoFormer (Wang, Lu, Won 2023, arXiv:2310.01809).
        case melBand = "mel_band_roformer.MelBandRoformer"
    }

    package let kind: Kind
    /// Names of the stems: those of the network, then the residual.
    package let sources: [String]
    package let stems: Int
    /// Whether the mixture minus the network's only stem is a stem too.
    package var hasResidual: Bool { sources.count > stems }
    /// How tracks are cut into chunks.
    package let chunks: ChunkRules
    /// `dim`: channels of a token.
    package let channels: Int
    /// `depth`: pairs of transformers.
    package let depth: Int
    /// Layers of each transformer along time and along the bands.
    package let timeDepth: Int
    package let bandDepth: Int
    package let heads: Int
    /// `dim_head`: channels of a head.
    package let headSize: Int
    package let audioChannels: Int
    package let sampleRateHz: Int
    package let nfft: Int
    package let hop: Int
    package let layout: BandLayout
    /// Linear layers of the network that makes a band's mask.
    package let maskLayers: Int
    /// Channels between these layers.
    package let maskChannels: Int

    package var innerChannels: Int { heads * headSize }

    /// Hidden channels of a feed-forward block: `ff_mult` of the reference's `Transformer`.
    package var hiddenChannels: Int { 4 * channels }

    /// Real numbers of a band in a frame: real and imaginary parts of its bins, of each channel.
    package func inputs(ofBand band: Int) -> Int { 2 * audioChannels * layout.bands[band].count }

    /// - Parameter sections: those of the model's YAML file: `model` has the constructor's arguments,
    ///   `training` the names of the stems, `audio` and `inference` the chunks.
    /// - Throws: ``ConfigurationError`` with the key, its value and the allowed values.
    package init(
        _ kind: Kind, _ sections: [String: ArgumentValue]
    ) throws(ConfigurationError) {
        let reader = try SectionReader("model", of: sections)
        try reader.requireKnown(Self.knownArguments)
        let isMel = kind == .melBand
        self.kind = kind
        channels = try reader.integer("dim", nil, 1...16_384)
        depth = try reader.integer("depth", nil, 1...1_000)
        timeDepth = try reader.integer("time_transformer_depth", 2, 1...1_000)
        bandDepth = try reader.integer("freq_transformer_depth", 2, 1...1_000)
        heads = try reader.integer("heads", 8, 1...1_024)
        headSize = try reader.integer("dim_head", 64, 2...1_024)
        try reader.require("dim_head", headSize % 2 == 0, "an even number: pairs are rotated")
        try reader.require(
            "dim_head", heads * headSize <= Self.innerLimit,
            "at most \(Self.innerLimit / heads): \(heads) heads may have \(Self.innerLimit) "
                + "channels together")
        let stems = try reader.integer("num_stems", 1, 1...256)
        self.stems = stems
        audioChannels = try reader.flag("stereo", false) ? 2 : 1
        nfft = try reader.integer("stft_n_fft", 2_048, 8...65_536)
        try reader.require("stft_n_fft", STFT.supports(nfft: nfft), "a power of two")
        hop = try reader.integer("stft_hop_length", 512, 1...65_536)
        try reader.require(
            "stft_hop_length", hop <= nfft / 4, "at most \(nfft / 4), stft_n_fft / 4")
        let window = try reader.integer("stft_win_length", nfft, 1...65_536)
        try reader.require("stft_win_length", window == nfft, "\(nfft), as stft_n_fft")
        try reader.requireDefault("stft_normalized", .bool(false))
        try reader.requireDefault("linear_transformer_depth", .integer(0))
        try reader.requireDefault("skip_connection", .bool(false))
        try reader.requireDefault("use_pope", .bool(false))
        // Mel-Band RoFormer counts the hidden layers, BS-RoFormer the linear ones.
        let maskDepth = try reader.integer("mask_estimator_depth", isMel ? 1 : 2, 1...100)
        maskLayers = isMel ? maskDepth + 1 : maskDepth
        maskChannels = channels * (try reader.integer("mlp_expansion_factor", 4, 1...64))
        let rates = 1_000...PlanarAudio.highestRateHz
        let filterRateHz = try reader.integer("sample_rate", 44_100, rates)
        layout =
            isMel
            ? try Self.melBands(reader, nfft: nfft, sampleRateHz: filterRateHz)
            : try Self.bands(reader, nfft: nfft)
        let audio = try SectionReader("audio", of: sections)
        sampleRateHz = try audio.integer("sample_rate", filterRateHz, rates)
        let audioChannels = audioChannels
        try audio.require(
            "num_channels",
            try audio.integer("num_channels", audioChannels, 1...2) == audioChannels,
            "\(audioChannels), as model.stereo says")
        sources = try Self.sources(sections, stems: stems)
        chunks = try ChunkRules(sections)
        try checkMemory()
    }

    /// Samples of the longest chunk whose activations fit into memory. Attention along time needs the
    /// queries, keys and values of all frames of a band at once.
    package var longestChunkSamples: Int {
        let numbers = 2 * audioChannels * max(stems * layout.bins, layout.binsOfAllBands)
        let perFrame = max(numbers, layout.bands.count * channels, 3 * innerChannels)
        let frames = (ModelLimits.activation / Double(perFrame)).rounded(.down)
        // A chunk has `samples / hop + 1` frames. In browsers an Int has 32 bits.
        return Int(min(frames * Double(hop), 0x1p30)) - 1
    }

    /// Refuses chunks whose activations would need too much memory.
    private func checkMemory() throws(ConfigurationError) {
        guard chunks.chunkSamples > longestChunkSamples else { return }
        throw .invalid(
            key: "chunk_size", found: "\(chunks.chunkSamples)",
            allowed: "with the other arguments it has to be at most \(longestChunkSamples): a "
                + "longer chunk needs an activation of more than "
                + "\(Int64(ModelLimits.activation)) values")
    }

    /// Most channels of all heads. `AxialAttention` holds three times as many for each of at least
    /// 6,400 tokens, however short a chunk is.
    private static let innerLimit = 16_384

    private static func melBands(
        _ reader: SectionReader, nfft: Int, sampleRateHz: Int
    ) throws(ConfigurationError) -> BandLayout {
        let count = try reader.integer("num_bands", 60, 1...1_000)
        guard let layout = BandLayout(melBands: count, nfft: nfft, sampleRateHz: sampleRateHz)
        else {
            throw .invalid(
                key: reader.fullName("num_bands"), found: "\(count)",
                allowed: "each bin of stft_n_fft = \(nfft) needs a band, and each band a bin")
        }
        return layout
    }

    private static func bands(
        _ reader: SectionReader, nfft: Int
    ) throws(ConfigurationError) -> BandLayout {
        let widths = try reader.integers("freqs_per_bands", defaultWidths, 1...65_536)
        let layout = BandLayout(widths: widths)
        try reader.require(
            "freqs_per_bands", layout.bins == nfft / 2 + 1,
            "widths whose sum is \(nfft / 2 + 1), stft_n_fft / 2 + 1")
        return layout
    }

    /// The names of the stems. A network of one `target_instrument` gives that one, and the rest of
    /// the mixture is the other instrument; without another one it is called as MSST's inference
    /// calls it.
    private static func sources(
        _ sections: [String: ArgumentValue], stems: Int
    ) throws(ConfigurationError) -> [String] {
        let training = try SectionReader("training", of: sections)
        let instruments = try training.texts("instruments")
        let key = training.fullName("instruments")
        guard let target = try training.text("target_instrument") else {
            try training.require(
                "instruments", instruments.count == stems,
                "as long as model.num_stems, \(stems), without a target_instrument")
            try ModelLimits.check(instruments, key: key)
            return instruments
        }
        try training.require(
            "target_instrument", stems == 1, "null, because model.num_stems is \(stems)")
        let others = instruments.filter { $0 != target }
        let sources = [target, others.count == 1 ? others[0] : "instrumental"]
        try ModelLimits.check(sources, key: key)
        return sources
    }

    /// The arguments of both classes; those of training, and of ways to compute the same, change no
    /// result. `zero_dc` has no effect in the reference.
    private static let knownArguments: Set = [
        "dim", "depth", "stereo", "num_stems", "time_transformer_depth", "freq_transformer_depth",
        "linear_transformer_depth", "freqs_per_bands", "num_bands", "dim_head", "heads",
        "attn_dropout", "ff_dropout", "flash_attn", "sage_attention", "dim_freqs_in", "sample_rate",
        "stft_n_fft", "stft_hop_length", "stft_win_length", "stft_normalized", "zero_dc",
        "mask_estimator_depth", "mlp_expansion_factor", "multi_stft_resolution_loss_weight",
        "multi_stft_resolutions_window_sizes", "multi_stft_hop_size", "multi_stft_normalized",
        "match_input_audio_length", "use_torch_checkpoint", "skip_connection", "use_pope",
    ]

    /// `DEFAULT_FREQS_PER_BANDS`: bins of each band for 2,048 samples a frame.
    private static let defaultWidths =
        Array(repeating: 2, count: 24) + Array(repeating: 4, count: 12)
        + Array(repeating: 12, count: 8) + Array(repeating: 24, count: 8)
        + Array(repeating: 48, count: 8) + [128, 129]
}
