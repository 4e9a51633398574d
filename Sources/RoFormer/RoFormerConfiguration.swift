// The configuration of a RoFormer: checked hyperparameters, and the sizes that follow from them.
// Reference: `BSRoformer` and `MelBandRoformer` of audio-separator 0.47.1.

import HTDemucs
import Signal
import WeightsLoader

/// A complete, checked description of a BS-RoFormer or a Mel-Band RoFormer.
package struct RoFormerConfiguration: Sendable, Equatable {
    package enum Kind: Sendable {
        /// Band-Split RoFormer (Lu, Wang, Kong, Hung 2023, arXiv:2309.02612).
        case bandSplit
        /// Mel-Band RoFormer (Wang, Lu, Won 2023, arXiv:2310.01809).
        case melBand
    }

    package let kind: Kind
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
    /// Stems that the network gives.
    package let stems: Int
    package let audioChannels: Int
    package let sampleRateHz: Int
    package let nfft: Int
    package let hop: Int
    package let layout: BandLayout
    /// Linear layers of the network that makes a band's mask.
    package let maskLayers: Int
    /// Channels between these layers.
    package let maskChannels: Int

    /// Hidden channels of a feed-forward block: `ff_mult` of the reference's `Transformer`.
    package var hiddenChannels: Int { 4 * channels }

    /// Real numbers of a band in a frame: real and imaginary parts of its bins, of each channel.
    package func inputs(ofBand band: Int) -> Int { 2 * audioChannels * layout.bands[band].count }

    /// - Parameters:
    ///   - arguments: the constructor's arguments; those of training are ignored.
    /// - Throws: ``ConfigurationError`` with the argument, its value and the allowed values.
    package init(_ kind: Kind, _ arguments: [String: ArgumentValue]) throws {
        let reader = ArgumentReader(arguments)
        let isMel = kind == .melBand
        self.kind = kind
        channels = try reader.integer("dim", nil, 1...16_384)
        depth = try reader.integer("depth", nil, 1...1_000)
        timeDepth = try reader.integer("time_transformer_depth", 2, 1...1_000)
        bandDepth = try reader.integer("freq_transformer_depth", 2, 1...1_000)
        heads = try reader.integer("heads", 8, 1...1_024)
        headSize = try reader.integer("dim_head", 64, 2...1_024)
        try reader.require("dim_head", headSize % 2 == 0, "an even number: pairs are rotated")
        stems = try reader.integer("num_stems", 1, 1...1_000)
        audioChannels = try reader.flag("stereo", false) ? 2 : 1
        sampleRateHz = try reader.integer("sample_rate", 44_100, 1_000...768_000)
        nfft = try reader.integer("stft_n_fft", 2_048, 8...65_536)
        try reader.require("stft_n_fft", STFT.supports(nfft: nfft), "a power of two")
        hop = try reader.integer("stft_hop_length", 512, 1...65_536)
        try reader.require(
            "stft_hop_length", hop <= nfft / 4, "at most \(nfft / 4), stft_n_fft / 4")
        let window = try reader.integer("stft_win_length", nfft, 1...65_536)
        try reader.require("stft_win_length", window == nfft, "\(nfft), as stft_n_fft")
        try reader.requireDefault("stft_normalized", .bool(false))
        try reader.requireDefault("linear_transformer_depth", .integer(0))
        // Mel-Band RoFormer counts the hidden layers, BS-RoFormer the linear ones.
        let maskDepth = try reader.integer("mask_estimator_depth", isMel ? 1 : 2, 1...100)
        maskLayers = isMel ? maskDepth + 1 : maskDepth
        // The reference's MelBandRoformer ignores the argument.
        let expansion = try reader.integer("mlp_expansion_factor", 4, 1...64)
        maskChannels = channels * (isMel ? 4 : expansion)
        if isMel {
            let count = try reader.integer("num_bands", 60, 1...1_000)
            guard
                let layout = BandLayout(melBands: count, nfft: nfft, sampleRateHz: sampleRateHz)
            else {
                throw ConfigurationError.invalid(
                    key: "num_bands", found: "\(count)",
                    allowed: "each bin of stft_n_fft = \(nfft) needs a band, and each band a bin")
            }
            self.layout = layout
        } else {
            let widths = try reader.integers("freqs_per_bands", Self.defaultWidths, 1...65_536)
            layout = BandLayout(widths: widths)
            try reader.require(
                "freqs_per_bands", layout.bins == nfft / 2 + 1,
                "widths whose sum is \(nfft / 2 + 1), stft_n_fft / 2 + 1")
        }
    }

    /// `DEFAULT_FREQS_PER_BANDS`: bins of each band for 2,048 samples a frame.
    private static let defaultWidths =
        Array(repeating: 2, count: 24) + Array(repeating: 4, count: 12)
        + Array(repeating: 12, count: 8) + Array(repeating: 24, count: 8)
        + Array(repeating: 48, count: 8) + [128, 129]
}

/// Reads constructor arguments with their defaults.
private struct ArgumentReader {
    private let arguments: [String: ArgumentValue]

    init(_ arguments: [String: ArgumentValue]) { self.arguments = arguments }

    func integer(_ key: String, _ standard: Int?, _ range: ClosedRange<Int>) throws -> Int {
        guard let found = arguments[key] else {
            guard let standard else { throw ConfigurationError.missing(key: key) }
            return standard
        }
        guard case .integer(let value) = found else {
            throw ConfigurationError.wrongType(
                key: key, found: "\(found)", expected: "a whole number")
        }
        guard range.contains(value) else {
            throw ConfigurationError.invalid(
                key: key, found: "\(value)",
                allowed: "it has to be \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func integers(_ key: String, _ standard: [Int], _ range: ClosedRange<Int>) throws -> [Int] {
        guard let found = arguments[key] else { return standard }
        guard case .array(let values) = found, (1...1_000).contains(values.count) else {
            throw ConfigurationError.wrongType(
                key: key, found: "\(found)", expected: "a list of 1 to 1,000 whole numbers")
        }
        return try values.map { value in
            try ArgumentReader([key: value]).integer(key, nil, range)
        }
    }

    func flag(_ key: String, _ standard: Bool) throws -> Bool {
        guard let found = arguments[key] else { return standard }
        guard case .bool(let value) = found else {
            throw ConfigurationError.wrongType(
                key: key, found: "\(found)", expected: "true or false")
        }
        return value
    }

    func require(_ key: String, _ isValid: Bool, _ allowed: String) throws {
        guard isValid else {
            throw ConfigurationError.invalid(
                key: key, found: arguments[key].map { "\($0)" } ?? "its default",
                allowed: "it has to be \(allowed)")
        }
    }

    func requireDefault(_ key: String, _ standard: ArgumentValue) throws {
        if let found = arguments[key], found != standard {
            throw ConfigurationError.unsupported(
                key: key, found: "\(found)", supported: "\(standard)")
        }
    }
}
