// Stem files: one file with a mix and its four stems, for DJ software.

import System

/// The container and the codec of a stem file.
package struct StemFileFormat: Sendable, Equatable {
    /// The name of a stem as DJ software shows it: "Drums".
    package static func shownName(_ stem: String) -> String {
        stem.prefix(1).uppercased() + stem.dropFirst()
    }

    package enum Container: String, Sendable, CaseIterable {
        /// Stem file by Native Instruments' specification: MP4 with the box `moov.udta.stem`.
        case mp4
    }

    /// Native Instruments allows these two.
    package enum Codec: String, Sendable, CaseIterable {
        case alac
        case aac
    }

    package let container: Container
    package let codec: Codec

    /// Tracks of a stem file: the mix and the stems.
    package static let trackCount = 5
    /// Stems of a stem file: neither more nor fewer.
    package static let stemCount = trackCount - 1
    /// Bit rate of each track: the one of Native Instruments' own files.
    static let aacKilobitsPerSecond = 256
    private static let aacRatesHz = [
        7_350, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000,
        88_200,
        96_000,
    ]

    package init(container: Container, codec: Codec) {
        self.container = container
        self.codec = codec
    }

    /// The usual file name extension, without its first dot.
    package var fileExtension: String { "stem.\(container.rawValue)" }

    /// The stored format for a requested sample format: lossless codecs have no floats, and take 24
    /// bits instead.
    package func storedFormat(_ asked: SampleFormat) -> SampleFormat {
        asked == .int16 ? .int16 : .int24
    }

    /// The reason why a stem file can't hold such a signal, without a full stop; nil if it can.
    package func problem(channelCount: Int, sampleRateHz: Int) -> String? {
        if channelCount > 2 { return "stem files hold stereo, not \(channelCount) channels" }
        if codec == .aac, !Self.aacRatesHz.contains(sampleRateHz) {
            let rates = Self.aacRatesHz.map(String.init).joined(separator: ", ")
            return "AAC holds sample rates of \(rates) Hz, not \(sampleRateHz) Hz"
        }
        return nil
    }
}

/// The content of the box `moov.udta.stem` for DJ software: JSON with the names and colours of the
/// stems, and the settings of a compressor and a limiter for their sum.
enum StemManifest {
    /// Colours of drums, bass, other and vocals in DJ software: from Okabe and Ito's palette for
    /// colour-blind people.
    static let colors = ["#009E73", "#D55E00", "#CC79A7", "#56B4E9"]

    /// Settings of the compressor and the limiter, both off, with the values that Native
    /// Instruments' tools write: ratios and gains without unit, times in seconds, levels in
    /// decibels, `dry_wet` in percent. Stems that are played together are the mix already.
    private static let masteringDSP = """
        {"compressor":{"enabled":false,"input_gain":0.5,"output_gain":0.5,"threshold":0,"dry_wet":50,\
        "attack":0.003,"release":0.3,"ratio":3,"hp_cutoff":300},\
        "limiter":{"enabled":false,"release":0.05,"threshold":0,"ceiling":-0.35}}
        """

    /// The content of the box.
    static func bytes(stems names: [String]) -> [UInt8] {
        let stems = zip(names, colors).map { name, color in
            "{\"name\":\(name.quotedAsJSON),\"color\":\"\(color)\"}"
        }
        let text =
            "{\"version\":1,\"mastering_dsp\":\(masteringDSP),\"stems\":["
            + stems.joined(separator: ",") + "]}"
        return Array(text.utf8)
    }
}
